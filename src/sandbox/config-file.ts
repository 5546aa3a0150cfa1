import { stringify } from 'yaml';
import { environmentSchema, regionSchema } from '../config/regions.ts';
import { kafkaNodes, replicationOf } from './kafka-plan.ts';
import { secureConfig } from './kafka-secure.ts';
import { portOf, SERVICE_ROLES } from './layout.ts';
import type { PlanContext } from './plan-context.ts';
import { DATABASE, DATABASE_USER, postgresServers } from './postgres-plan.ts';
import { redisNodes } from './redis-plan.ts';
import { REGION } from './service-plan.ts';

const HEADER = `# Written once by \`uplift sandbox up\`; yours to change, never overwritten.\n`;

/** The uplift.yaml of a sandbox. Its regions pass the project's own schema, or this throws (a bug). */
export function configFile(context: PlanContext): string {
  const environment = environmentSchema.parse({ name: `sandbox-${context.options.name}`, production: false });
  const region = regionSchema.parse(regionOf(context));
  const limits = { projectionFreshness: '5s', replicaLag: '30s', recovery: '30s' };
  const document = { version: 1, environment, regions: [region], topics: topicsOf(context), limits };
  return HEADER + stringify(document, { lineWidth: 110, aliasDuplicateObjects: false });
}

function regionOf(context: PlanContext): unknown {
  const at = (port: number): string => `127.0.0.1:${port}`;
  const servers = postgresServers(context).map((server) => ({ name: server.name, address: at(server.port) }));
  const endpoints = (role: string): unknown[] =>
    SERVICE_ROLES.filter((unit) => unit.role === role).map(({ id }) => ({
      id,
      url: `http://${at(portOf(context.ports, id))}`,
    }));
  return {
    name: REGION,
    kafka: { brokers: kafkaNodes(context).map((node) => at(node.port)), ...secureConfig(context) },
    postgres: {
      database: DATABASE,
      user: DATABASE_USER,
      password: { file: context.paths.passwordFile },
      writer: servers[0],
      replicas: servers.slice(1),
      pooler: at(portOf(context.ports, 'pgbouncer')),
    },
    redis: { nodes: redisNodes(context).map((node) => at(node.port)) },
    ...(context.options.service
      ? {
          service: {
            gateways: endpoints('gateway'),
            commands: endpoints('commands'),
            projectors: endpoints('projector'),
            sweepers: endpoints('sweeper'),
          },
        }
      : {}),
    actuator: { kind: 'process', units: context.paths.units },
  };
}

function topicsOf(context: PlanContext): unknown[] {
  const { factor, minInsync } = replicationOf(context.options.brokers);
  const size = {
    partitions: context.options.partitions,
    replicationFactor: factor,
    minInsyncReplicas: minInsync,
  };
  const days = (count: number): string => String(count * 86_400_000);
  return [
    {
      name: 'reservations.commands',
      ...size,
      config: {
        'cleanup.policy': 'delete',
        'message.timestamp.type': 'LogAppendTime',
        'retention.ms': days(7),
      },
      dlq: { retention: '7d' },
    },
    {
      name: 'reservations.events',
      ...size,
      config: { 'cleanup.policy': 'delete', 'retention.ms': days(30) },
      dlq: { retention: '7d' },
    },
    {
      name: 'reservations.snapshots',
      ...size,
      // Only closed segments are compacted: with Kafka's default of 1 GiB or a week that would be never.
      config: {
        'cleanup.policy': 'compact',
        'segment.bytes': String(16 * 1024 * 1024),
        'segment.ms': String(120_000),
        'min.cleanable.dirty.ratio': '0.1',
      },
    },
  ];
}
