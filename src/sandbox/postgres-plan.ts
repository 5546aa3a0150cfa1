import { join } from 'node:path';
import {
  inQuotes,
  type PostgresRole,
  REPLICATION_USER,
  roleSettings,
  SUPERUSER,
  slotOf,
} from '../clients/postgres/standby.ts';
import type { Unit } from '../clients/process/unit.ts';
import { POSTGRES_SERVERS, portOf } from './layout.ts';
import { fillTemplate, type PlanContext, type PlannedFile, type PlanPart } from './plan-context.ts';

export const DATABASE = 'uplift';
export const DATABASE_USER = 'uplift';

/** One Postgres server; the first is the writer at birth. */
export interface PostgresServer {
  readonly name: string;
  readonly unit: string;
  readonly port: number;
  readonly primary: boolean;
  readonly dataDir: string;
  readonly confDir: string;
  /** Slot and application name: the server's name as an SQL identifier, `az_b`. */
  readonly slot: string;
}

export function postgresServers(context: PlanContext): readonly PostgresServer[] {
  return POSTGRES_SERVERS.map((name, at) => ({
    name,
    unit: `postgres-${name}`,
    port: portOf(context.ports, `postgres-${name}`),
    primary: at === 0,
    dataDir: join(context.paths.data, `postgres-${name}`),
    confDir: join(context.paths.conf, `postgres-${name}`),
    slot: slotOf(name),
  }));
}

/** Any one of the replicas must have a commit before it is acknowledged (PostgreSQL 27.2.8, quorum-based). */
export function synchronousStandbys(servers: readonly PostgresServer[]): string {
  return `ANY 1 (${servers.flatMap((server) => (server.primary ? [] : [server.slot])).join(', ')})`;
}

export function planPostgres(context: PlanContext): PlanPart {
  const servers = postgresServers(context);
  const poolerConf = join(context.paths.conf, 'pgbouncer');
  const conf = { mode: 0o755, forServer: true };
  return {
    units: [...servers.map((server) => serverUnit(context, server)), poolerUnit(context, poolerConf)],
    files: [
      ...servers.flatMap((server) => serverFiles(context, servers, server)),
      ...poolerFiles(context, servers, poolerConf),
    ],
    folders: [...servers.map((server) => ({ path: server.confDir, ...conf })), { path: poolerConf, ...conf }],
  };
}

/** First statements of a new cluster, run without any server listening: no moment without a password. */
export function bootstrapSql(context: PlanContext): string {
  const password = `PASSWORD '${context.password}'`;
  const replicas = postgresServers(context).filter((server) => !server.primary);
  return [
    `ALTER ROLE postgres ${password};`,
    `CREATE ROLE ${DATABASE_USER} LOGIN ${password} IN ROLE pg_monitor;`,
    `CREATE ROLE ${REPLICATION_USER} LOGIN REPLICATION ${password};`,
    `CREATE DATABASE ${DATABASE} OWNER ${DATABASE_USER};`,
    ...replicas.map((server) => `SELECT pg_create_physical_replication_slot('${server.slot}', true);`),
    '',
  ].join('\n');
}

function serverUnit(context: PlanContext, server: PostgresServer): Unit {
  const { binaries, paths } = context;
  return {
    v: 1,
    id: server.unit,
    kind: 'postgres',
    argv: [
      join(binaries.postgresBin, 'postgres'),
      '-D',
      server.dataDir,
      '-c',
      `config_file=${join(server.confDir, 'postgresql.conf')}`,
    ],
    env: { ...context.baseEnv, HOME: paths.serverRoot },
    cwd: paths.data,
    ...context.owner,
    logFile: join(paths.logs, `${server.unit}.log`),
    ready: { kind: 'tcp', host: '127.0.0.1', port: server.port },
    readyTimeoutMs: 30_000,
    stop: { signal: 'SIGINT', graceMs: 15_000 },
    labels: {
      server: server.name,
      rack: server.name,
      port: String(server.port),
      role: server.primary ? 'primary' : 'replica',
      dataDir: server.dataDir,
      confDir: server.confDir,
    },
  };
}

function serverFiles(
  context: PlanContext,
  servers: readonly PostgresServer[],
  server: PostgresServer,
): PlannedFile[] {
  const passFile = join(server.confDir, 'pgpass');
  const file = (name: string, text: string, mode = 0o644): PlannedFile => ({
    path: join(server.confDir, name),
    text,
    mode,
    forServer: true,
  });
  const main = fillTemplate(context.templates['postgresql.conf'], {
    PORT: String(server.port),
    CONF_DIR: server.confDir,
    CLUSTER_NAME: `uplift ${context.options.name} ${server.name}`,
    INIT_SYNC: context.linux
      ? "recovery_init_sync_method = 'syncfs'"
      : '# recovery_init_sync_method: syncfs is Linux only',
  });
  const primary = servers.find((candidate) => candidate.primary) ?? server;
  const is: PostgresRole = server.primary
    ? { leads: true, synchronousStandbyNames: synchronousStandbys(servers) }
    : { leads: false, port: primary.port };
  const { CONNINFO, SLOT, SYNC } = roleSettings(server.name, passFile, is);
  const role = fillTemplate(context.templates['postgres-role.conf'], {
    CONNINFO: inQuotes(CONNINFO),
    SLOT,
    SYNC,
  });
  const logins = [REPLICATION_USER, SUPERUSER].map((user) => `*:*:*:${user}:${context.password}\n`);
  return [
    file('postgresql.conf', main),
    file('pg_hba.conf', context.templates['pg_hba.conf']),
    file('role.conf', role),
    file('pgpass', logins.join(''), 0o600),
  ];
}

function poolerUnit(context: PlanContext, confDir: string): Unit {
  const port = portOf(context.ports, 'pgbouncer');
  return {
    v: 1,
    id: 'pgbouncer',
    kind: 'pgbouncer',
    argv: [context.binaries.pgbouncer, join(confDir, 'pgbouncer.ini')],
    env: { ...context.baseEnv, HOME: context.paths.serverRoot },
    cwd: context.paths.data,
    ...context.owner,
    logFile: join(context.paths.logs, 'pgbouncer.log'),
    ready: { kind: 'tcp', host: '127.0.0.1', port },
    readyTimeoutMs: 15_000,
    stop: { signal: 'SIGTERM', graceMs: 5000 },
    labels: { rack: 'az-a', port: String(port), role: 'pooler', confDir },
  };
}

function poolerFiles(
  context: PlanContext,
  servers: readonly PostgresServer[],
  confDir: string,
): PlannedFile[] {
  const writer = servers.find((server) => server.primary);
  const ini = fillTemplate(context.templates['pgbouncer.ini'], {
    DATABASE,
    WRITER_PORT: String(writer?.port ?? 0),
    PORT: String(portOf(context.ports, 'pgbouncer')),
    CONF_DIR: confDir,
  });
  return [
    { path: join(confDir, 'pgbouncer.ini'), text: ini, mode: 0o644, forServer: true },
    {
      path: join(confDir, 'userlist.txt'),
      text: `"${DATABASE_USER}" "${context.password}"\n`,
      mode: 0o600,
      forServer: true,
    },
  ];
}
