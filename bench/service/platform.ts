import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KafkaTarget } from '../../src/clients/kafka/target.ts';
import type { SqlTarget } from '../../src/clients/postgres/index.ts';
import { DATABASE, DATABASE_USER } from '../../src/sandbox/postgres-plan.ts';
import { heapOf, NODE_HEAP } from '../../src/sandbox/service-plan.ts';
import { freePorts } from '../../test/support/kafka-node.ts';
import { ProofSandbox } from '../../test/support/sandbox.ts';
import { type RoleProcess, startRole } from '../../test/support/service-roles.ts';

export const PARTITIONS = 24;
/** As a sandbox starts the service. */
export const NODE_OPTIONS = NODE_HEAP.join(' ');
const READY_MS = 90_000;

/** The servers of a sandbox (three brokers, a primary with two replicas, a pooler, six Redis nodes), and roles on them. */
export interface Platform {
  readonly kafka: KafkaTarget;
  /** Through PgBouncer. */
  readonly pooled: SqlTarget;
  readonly folder: string;
  /** Of every role, and of what is measured beside it. */
  readonly env: Readonly<Record<string, string>>;
  /** Starts a role and waits until it is ready. */
  role(name: string, env?: Readonly<Record<string, string>>): Promise<RoleProcess>;
  end(role: RoleProcess, signal?: NodeJS.Signals): Promise<void>;
  down(): Promise<void>;
}

export async function startPlatform(): Promise<Platform> {
  const sandbox = await ProofSandbox.start({ service: false });
  try {
    return await platformOf(sandbox);
  } catch (error) {
    await sandbox.down();
    throw error;
  }
}

async function platformOf(sandbox: ProofSandbox): Promise<Platform> {
  const portsOf = async (
    kind: 'kafka' | 'redis' | 'postgres' | 'pgbouncer',
    role?: string,
  ): Promise<number[]> =>
    (await sandbox.units(kind))
      .filter(({ labels }) => role === undefined || labels.role === role)
      .map(({ labels }) => Number(labels.port));
  const [kafka, redis, pooler, primary, replicas] = await Promise.all([
    portsOf('kafka'),
    portsOf('redis'),
    portsOf('pgbouncer'),
    portsOf('postgres', 'primary'),
    portsOf('postgres', 'replica'),
  ]);
  const url = (port: number | undefined): string =>
    `postgres://${DATABASE_USER}@127.0.0.1:${port}/${DATABASE}`;
  const hosts = (ports: readonly number[]): string => ports.map((port) => `127.0.0.1:${port}`).join(',');
  const passwordFile = join(sandbox.dir, 'postgres.password');
  const common = {
    NODE_OPTIONS,
    UPLIFT_REGION: 'local',
    KAFKA_BROKERS: hosts(kafka),
    POSTGRES_URL: url(pooler[0]),
    POSTGRES_DIRECT_URL: url(primary[0]),
    POSTGRES_READ_URL: replicas.map(url).join(','),
    POSTGRES_PASSWORD_FILE: passwordFile,
    REDIS_NODES: hosts(redis),
    TOPIC_PARTITIONS: String(PARTITIONS),
    LOG_LEVEL: 'warn',
  };
  const running = new Set<RoleProcess>();
  const end = async (role: RoleProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    running.delete(role);
    role.signal(signal);
    await role.exit;
  };
  const migrated = await startRole('migrate', 0, common, sandbox.folder).exit;
  if (migrated !== 0) throw new Error(`service migrate ended with ${migrated}`);
  return {
    kafka: { brokers: kafka.map((port) => `127.0.0.1:${port}`), clientId: 'bench', requestTimeoutMs: 5000 },
    pooled: {
      host: '127.0.0.1',
      port: pooler[0] ?? 0,
      database: DATABASE,
      user: DATABASE_USER,
      password: (await readFile(passwordFile, 'utf8')).trim(),
      applicationName: 'bench',
      maxConnections: 2,
      connectTimeoutMs: 5000,
      queryTimeoutMs: 20_000,
    },
    folder: sandbox.folder,
    env: common,
    end,
    async role(name, env = {}) {
      const [port = 0] = await freePorts(1);
      const role = startRole(
        name,
        port,
        { ...common, NODE_OPTIONS: heapOf(name).join(' '), ...env },
        sandbox.folder,
      );
      running.add(role);
      const ended = role.exit.then((code) => {
        throw new Error(`${name} ended with ${code}, see ${role.logFile}`);
      });
      await Promise.race([role.ready(READY_MS), ended]);
      ended.catch(() => undefined);
      return role;
    },
    async down() {
      await Promise.all([...running].map((role) => end(role, 'SIGKILL')));
      await sandbox.down();
    },
  };
}
