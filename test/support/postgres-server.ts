import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openSql, type SqlTarget } from '../../src/clients/postgres/index.ts';
import { waitFor } from '../../src/core/wait.ts';
import { freePorts } from './kafka-node.ts';

const run = promisify(execFile);
const BIN = process.env.UPLIFT_POSTGRES_BIN ?? '/usr/lib/postgresql/15/bin';
/** Postgres and PgBouncer refuse to run as root: `nobody` then. */
const AS = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

/** One real Postgres with a PgBouncer (transaction mode) before it, in a temporary folder. */
export interface TestPostgres {
  readonly direct: SqlTarget;
  readonly pooled: SqlTarget;
  /** SIGKILL of the postmaster and its children; `start` brings it back on the same data. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function startPostgres(name: string): Promise<TestPostgres> {
  const folder = await mkdtemp(join(tmpdir(), `${name}-`));
  await chmod(folder, 0o755);
  if (AS.uid !== undefined) await chown(folder, AS.uid, AS.gid);
  const data = join(folder, 'data');
  const env = { HOME: folder, PATH: process.env.PATH ?? '' };
  const [port = 0, poolPort = 0] = await freePorts(2);
  await run(
    join(BIN, 'initdb'),
    ['-D', data, '-U', 'uplift', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync', '-A', 'trust'],
    {
      ...AS,
      env,
      cwd: folder,
    },
  );
  const target = (at: number): SqlTarget => ({
    host: '127.0.0.1',
    port: at,
    database: 'postgres',
    user: 'uplift',
    maxConnections: 4,
    connectTimeoutMs: 2000,
    queryTimeoutMs: 3000,
  });
  const children = new Map<string, ChildProcess>();
  const launch = (id: string, file: string, args: string[]): void => {
    children.set(id, spawn(file, args, { ...AS, env, cwd: folder, stdio: 'ignore' }));
  };
  const start = async (): Promise<void> => {
    const listen = [
      '-p',
      String(port),
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      `unix_socket_directories=${folder}`,
    ];
    launch('postgres', join(BIN, 'postgres'), ['-D', data, ...listen, '-c', 'max_connections=50']);
    await answers(target(port));
  };
  await writeFile(join(folder, 'pgbouncer.ini'), bouncerIni(port, poolPort));
  await writeFile(join(folder, 'users.txt'), '"uplift" ""\n');
  await start();
  launch('pgbouncer', 'pgbouncer', ['-q', join(folder, 'pgbouncer.ini')]);
  await answers(target(poolPort));
  return {
    direct: target(port),
    pooled: target(poolPort),
    start,
    kill: () => end(children.get('postgres'), 'SIGQUIT'),
    stop: async () => {
      await end(children.get('pgbouncer'), 'SIGKILL');
      await end(children.get('postgres'), 'SIGQUIT');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function bouncerIni(port: number, poolPort: number): string {
  return `[databases]
* = host=127.0.0.1 port=${port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${poolPort}
unix_socket_dir =
auth_type = trust
auth_file = users.txt
pool_mode = transaction
max_client_conn = 200
default_pool_size = 10
server_login_retry = 1
ignore_startup_parameters = extra_float_digits
`;
}

async function answers(target: SqlTarget): Promise<void> {
  const sql = openSql({ ...target, maxConnections: 1 });
  try {
    const ask = async (): Promise<boolean> => (await sql.query('SELECT 1')).rowCount === 1;
    await waitFor(ask, { what: `Postgres on port ${target.port}`, timeoutMs: 30_000, intervalMs: 100 });
  } finally {
    await sql.close();
  }
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await gone;
}
