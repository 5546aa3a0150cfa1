import { join } from 'node:path';
import type { Unit } from '../clients/process/unit.ts';
import { kafkaNodes } from './kafka-plan.ts';
import { secureServiceEnv } from './kafka-secure.ts';
import { portOf, SERVICE_ROLES, type ServiceRole } from './layout.ts';
import type { PlanContext, PlanPart } from './plan-context.ts';
import { DATABASE, DATABASE_USER, postgresServers } from './postgres-plan.ts';
import { redisNodes } from './redis-plan.ts';

export const REGION = 'local';

/** The environment every process of the reference service gets; it is configured by nothing else. */
export function serviceEnv(context: PlanContext): Readonly<Record<string, string>> {
  const url = (port: number): string => `postgres://${DATABASE_USER}@127.0.0.1:${port}/${DATABASE}`;
  const servers = postgresServers(context);
  const primary = servers.find((server) => server.primary);
  const replicas = servers.filter((server) => !server.primary);
  return {
    ...context.baseEnv,
    ...context.serviceEnv,
    UPLIFT_REGION: REGION,
    KAFKA_BROKERS: kafkaNodes(context)
      .map((node) => `127.0.0.1:${node.port}`)
      .join(','),
    ...secureServiceEnv(context),
    POSTGRES_URL: url(portOf(context.ports, 'pgbouncer')),
    POSTGRES_DIRECT_URL: url(primary?.port ?? 0),
    ...(replicas.length === 0 ? {} : { POSTGRES_READ_URL: replicas.map(({ port }) => url(port)).join(',') }),
    POSTGRES_PASSWORD_FILE: context.paths.passwordFile,
    REDIS_NODES: redisNodes(context)
      .map((node) => `127.0.0.1:${node.port}`)
      .join(','),
    TOPIC_PARTITIONS: String(context.options.partitions),
  };
}

export function planService(context: PlanContext): PlanPart {
  if (!context.options.service) return { units: [], files: [], folders: [] };
  return { units: SERVICE_ROLES.map((role) => serviceUnit(context, role)), files: [], folders: [] };
}

/**
 * As small as the JVMs. Without a limit V8 lets garbage grow to hundreds of MB before it looks; with one of 512 MB it
 * collects when the heap is 1.4 times what lives.
 */
export const NODE_HEAP: readonly string[] = ['--max-old-space-size=512', '--max-semi-space-size=4'];

/**
 * A projector holds events by the thousand for as long as a write takes, some tens of MB: in a young generation that is not
 * larger nearly all of them are copied twice. With 4 MB that was two fifths of its CPU, with 16 MB a quarter more than with 64.
 */
const PROJECTOR_HEAP: readonly string[] = ['--max-old-space-size=512', '--max-semi-space-size=64'];

/** Flags of the Node that runs a role. */
export const heapOf = (role: string): readonly string[] =>
  role === 'projector' ? PROJECTOR_HEAP : NODE_HEAP;

function serviceUnit(context: PlanContext, role: ServiceRole): Unit {
  const [node, bin] = context.uplift;
  const port = portOf(context.ports, role.id);
  const override = context.serviceOverrides[role.id];
  return {
    v: 1,
    id: role.id,
    kind: 'service',
    argv: override?.argv ?? [node, ...heapOf(role.role), bin, 'service', role.role],
    env: {
      ...serviceEnv(context),
      INSTANCE: role.id,
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: String(port),
      ...(role.share === undefined ? {} : { SHARE: role.share }),
      ...override?.env,
    },
    cwd: context.paths.dir,
    logFile: join(context.paths.logs, `${role.id}.log`),
    ready: { kind: 'http', url: `http://127.0.0.1:${port}/healthz` },
    readyTimeoutMs: 30_000,
    stop: { signal: 'SIGTERM', graceMs: 15_000 },
    labels: { rack: role.rack, port: String(port), role: role.role },
  };
}
