import { join } from 'node:path';
import type { Unit } from '../clients/process/unit.ts';
import { portOf, REDIS_SHARDS } from './layout.ts';
import { rackName } from './options.ts';
import { fillTemplate, type PlanContext, type PlanPart } from './plan-context.ts';

export const REDIS_SLOTS = 16_384;

/** One Redis node. A replica never stands on the rack of its master. */
export interface RedisNode {
  readonly unit: string;
  readonly port: number;
  readonly busPort: number;
  readonly rack: string;
  readonly shard: number;
  readonly master: boolean;
  readonly dataDir: string;
}

export function redisNodes(context: PlanContext): readonly RedisNode[] {
  return Array.from({ length: 2 * REDIS_SHARDS }, (_, at) => {
    const unit = `redis-${at + 1}`;
    const master = at < REDIS_SHARDS;
    const shard = at % REDIS_SHARDS;
    return {
      unit,
      port: portOf(context.ports, unit),
      busPort: portOf(context.ports, unit, 'bus'),
      rack: rackName((shard + (master ? 0 : 1)) % 3),
      shard,
      master,
      dataDir: join(context.paths.data, unit),
    };
  });
}

/** First and last slot of a shard; together they cover all 16,384 without gap or overlap. */
export function slotsOf(shard: number): readonly [first: number, last: number] {
  const edge = (at: number): number => Math.floor((at * REDIS_SLOTS) / REDIS_SHARDS);
  return [edge(shard), edge(shard + 1) - 1];
}

export function planRedis(context: PlanContext): PlanPart {
  const nodes = redisNodes(context);
  const confOf = (node: RedisNode): string => join(context.paths.conf, `${node.unit}.conf`);
  return {
    units: nodes.map((node) => redisUnit(context, node, confOf(node))),
    files: nodes.map((node) => ({
      path: confOf(node),
      text: fillTemplate(context.templates['redis.conf'], {
        PORT: String(node.port),
        BUS_PORT: String(node.busPort),
        DATA_DIR: node.dataDir,
      }),
      mode: 0o644,
    })),
    folders: nodes.map((node) => ({ path: node.dataDir, mode: 0o755 })),
  };
}

function redisUnit(context: PlanContext, node: RedisNode, conf: string): Unit {
  return {
    v: 1,
    id: node.unit,
    kind: 'redis',
    argv: [context.binaries.redisServer, conf],
    env: context.baseEnv,
    cwd: node.dataDir,
    logFile: join(context.paths.logs, `${node.unit}.log`),
    ready: { kind: 'tcp', host: '127.0.0.1', port: node.port },
    readyTimeoutMs: 15_000,
    stop: { signal: 'SIGTERM', graceMs: 5000 },
    labels: {
      rack: node.rack,
      port: String(node.port),
      role: node.master ? 'master' : 'replica',
      shard: String(node.shard + 1),
      dataDir: node.dataDir,
    },
  };
}
