import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SqlTarget } from '../../src/clients/postgres/index.ts';
import { waitFor } from '../../src/core/wait.ts';
import { portIsFree } from '../../src/sandbox/ports.ts';

/** From source even when a build is there: the build may be older. */
const SOURCE = `import('${new URL('../../src/main.ts', import.meta.url).href}').then((m) => m.main())`;

/** One role of the reference service as a process of its own, as the sandbox would start it. */
export interface RoleProcess {
  readonly url: string;
  readonly pid: number;
  readonly logFile: string;
  readonly exit: Promise<number | null>;
  signal(signal: NodeJS.Signals): void;
  ready(timeoutMs: number): Promise<void>;
  /** Body of `/readyz`, whatever its status. */
  readyz(): Promise<{ status: number; body: unknown }>;
  metric(name: string): Promise<number>;
}

export function postgresUrl(target: SqlTarget): string {
  return `postgres://${target.user}@${target.host}:${target.port}/${target.database}`;
}

/** Environment of roles that use these servers. */
export function roleEnv(
  servers: {
    readonly kafka: { readonly target: { readonly brokers: readonly string[] } };
    readonly postgres: { readonly pooled: SqlTarget; readonly direct: SqlTarget };
    readonly redis: { readonly nodes: readonly string[] };
  },
  partitions: number,
): Record<string, string> {
  return {
    KAFKA_BROKERS: servers.kafka.target.brokers.join(','),
    POSTGRES_URL: postgresUrl(servers.postgres.pooled),
    POSTGRES_DIRECT_URL: postgresUrl(servers.postgres.direct),
    REDIS_NODES: servers.redis.nodes.join(','),
    TOPIC_PARTITIONS: String(partitions),
  };
}

/** Runs `uplift service <role>`, its output appended to a file in `logFolder`; a role that ends shows in `exit`. */
export function startRole(
  role: string,
  port: number,
  env: Readonly<Record<string, string>>,
  logFolder: string,
): RoleProcess {
  const logFile = join(logFolder, `${env.INSTANCE ?? role}.log`);
  const child: ChildProcess = spawn(process.execPath, ['-e', SOURCE, 'uplift', 'service', role], {
    env: { PATH: process.env.PATH ?? '', INSTANCE: role, HTTP_PORT: String(port), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => appendFileSync(logFile, chunk));
  const url = `http://127.0.0.1:${port}`;
  const readyz = async (): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) });
    return { status: response.status, body: await response.json() };
  };
  return {
    url,
    pid: child.pid ?? 0,
    logFile,
    exit: new Promise((resolve) => child.once('exit', (code) => resolve(code))),
    signal: (signal) => void child.kill(signal),
    readyz,
    ready: async (timeoutMs) => {
      const probe = async (): Promise<boolean> => {
        const { status, body } = await readyz();
        if (status !== 200) throw new Error(JSON.stringify(body));
        return true;
      };
      await waitFor(probe, { what: `${role} ready`, timeoutMs, intervalMs: 100 });
    },
    metric: async (name) => {
      const text = await (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(2000) })).text();
      const values = text
        .split('\n')
        .filter((line) => line.startsWith(name) && /^[{ ]/.test(line.slice(name.length)));
      return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    },
  };
}

/**
 * Free ports in a row; the first of them. Below the ephemeral ones, of which any connection of the servers beside it may
 * take the next.
 */
export async function rowOfPorts(count: number): Promise<number> {
  for (let first = 18_000 + (process.pid % 500) * count; first < 32_000; first += count) {
    const free = await Promise.all(Array.from({ length: count }, (_, at) => portIsFree(first + at)));
    if (!free.includes(false)) return first;
  }
  throw new Error(`no ${count} free ports in a row`);
}
