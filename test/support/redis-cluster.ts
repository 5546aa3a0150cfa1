import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openClaims } from '../../src/clients/redis/index.ts';
import { waitFor } from '../../src/core/wait.ts';
import { freePorts } from './kafka-node.ts';

const run = promisify(execFile);

/** A real Redis Cluster of three masters without replicas, in a temporary folder. */
export interface TestRedis {
  readonly nodes: readonly string[];
  kill(index: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startRedis(name: string): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), `${name}-`));
  const ports = await freePorts(6);
  const children: ChildProcess[] = [];
  for (const [at, port] of ports.slice(0, 3).entries()) {
    const dir = join(folder, String(port));
    await mkdir(dir);
    const bus = String(ports[at + 3] ?? 0);
    const cluster = ['--cluster-enabled', 'yes', '--cluster-port', bus, '--cluster-node-timeout', '2000'];
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', '', ...cluster];
    children.push(spawn('redis-server', args, { stdio: 'ignore' }));
  }
  const nodes = ports.slice(0, 3).map((port) => `127.0.0.1:${port}`);
  const assembled = async (): Promise<boolean> => {
    await run('redis-cli', ['--cluster', 'create', ...nodes, '--cluster-yes'], { timeout: 20_000 });
    return true;
  };
  await waitFor(assembled, { what: 'a Redis Cluster', timeoutMs: 40_000, intervalMs: 300 });
  const claims = openClaims({ nodes, timeoutMs: 1000 });
  const takesWrites = async (): Promise<boolean> => claims.probe().then(() => true);
  await waitFor(takesWrites, { what: 'the Redis Cluster to take writes', timeoutMs: 20_000 }).finally(() =>
    claims.close(),
  );
  return {
    nodes,
    kill: (index) => end(children[index]),
    stop: async () => {
      await Promise.all(children.map(end));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}
