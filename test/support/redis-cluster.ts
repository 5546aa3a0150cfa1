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
  /** Starts one more node as a replica of that master and waits until it is in sync; answers its address. */
  addReplica(index: number): Promise<string>;
  stop(): Promise<void>;
}

export async function startRedis(name: string): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), `${name}-`));
  const ports = await freePorts(6);
  const children: ChildProcess[] = [];
  for (const [at, port] of ports.slice(0, 3).entries())
    children.push(await launch(folder, port, ports[at + 3] ?? 0));
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
    addReplica: async (index) => {
      const [port = 0, bus = 0] = await freePorts(2);
      children.push(await launch(folder, port, bus));
      const master = nodes[index] ?? '';
      const ask = async (at: string, ...args: string[]): Promise<string> =>
        (await run('redis-cli', ['-p', at.split(':')[1] ?? '', ...args], { timeout: 5000 })).stdout.trim();
      const address = `127.0.0.1:${port}`;
      const id = await ask(master, 'CLUSTER', 'MYID');
      const wait = { what: 'a Redis replica', timeoutMs: 20_000, intervalMs: 200 };
      const met = async (): Promise<boolean> =>
        (await ask(address, 'CLUSTER', 'MEET', ...master.split(':'), String(ports[index + 3]))) === 'OK';
      await waitFor(met, wait);
      await waitFor(async () => (await ask(address, 'CLUSTER', 'REPLICATE', id)) === 'OK', wait);
      const synced = async (): Promise<boolean> =>
        (await ask(address, 'INFO', 'replication')).includes('master_link_status:up');
      await waitFor(synced, wait);
      return address;
    },
    stop: async () => {
      await Promise.all(children.map(end));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function launch(folder: string, port: number, bus: number): Promise<ChildProcess> {
  const dir = join(folder, String(port));
  await mkdir(dir);
  const cluster = [
    '--cluster-enabled',
    'yes',
    '--cluster-port',
    String(bus),
    '--cluster-node-timeout',
    '2000',
  ];
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', '', ...cluster];
  return spawn('redis-server', args, { stdio: 'ignore' });
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}
