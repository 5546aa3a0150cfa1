import type { Logger } from 'pino';
import type { Groups } from '../../clients/kafka/group-ports.ts';
import type { Cluster } from '../../clients/kafka/ports.ts';
import type { Sql } from '../../clients/postgres/index.ts';
import type { Claims } from '../../clients/redis/index.ts';
import type { Adapters } from '../adapters.ts';
import { redisTarget, type Settings } from '../env.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { settle } from '../runtime/settle.ts';
import { buildGeneration } from './build.ts';
import { BloomKeeper } from './keeper.ts';
import { UnknownIds } from './unknown-ids.ts';

export { UnknownIds } from './unknown-ids.ts';

export interface BloomDeps {
  readonly adapters: Adapters;
  readonly settings: Settings;
  readonly sql: Sql;
  readonly cluster: Cluster;
  /** Lent: whoever opened it closes it. */
  readonly groups: Pick<Groups, 'committed' | 'edges'>;
  readonly claims: Claims;
  readonly metrics: Pick<Metrics, 'bloomLooks'>;
  readonly log: Logger;
}

/** The filter of a gateway: what reads ask, and the background work that follows and builds generations. */
export interface Bloom {
  readonly unknownIds: UnknownIds;
  /** Whether the generation in use was asked for once, with whatever answer. */
  hasLooked(): boolean;
  start(): void;
  /** Ends a build that is under way and closes what was opened here. */
  stop(): Promise<void>;
}

/** The longest that COMMAND_WINDOW_MS may be: other gateways may have another one. */
const LONGEST_COMMAND_WINDOW_MS = 300_000;
const SETTLE_TIMEOUT_MS = 60_000;

/** Opens the filter if BLOOM=on, else undefined. */
export function openBloom(deps: BloomDeps): Bloom | undefined {
  const { adapters, settings, sql, cluster, groups, claims, metrics, log } = deps;
  if (settings.BLOOM === 'off') return undefined;
  const bits = adapters.openBits(redisTarget(settings));
  const unknownIds = new UnknownIds(bits, (outcome) => metrics.bloomLooks.inc({ outcome }));
  const late = {
    idempotencyTtlMs: settings.IDEMPOTENCY_TTL_MS,
    commandWindowMs: LONGEST_COMMAND_WINDOW_MS,
  };
  const partitions = settings.TOPIC_PARTITIONS;
  const keeper = new BloomKeeper({
    bits,
    claims,
    unknownIds,
    build: (signal) =>
      buildGeneration({
        bits,
        sql,
        settle: () => settle({ groups, cluster, sql, partitions, timeoutMs: SETTLE_TIMEOUT_MS, signal }),
        late,
        signal,
      }),
    instance: settings.INSTANCE,
    rebuildMs: settings.BLOOM_REBUILD_MS,
    nowMs: Date.now,
    log,
  });
  return {
    unknownIds,
    hasLooked: () => keeper.hasLooked,
    start: () => keeper.start(),
    stop: async () => {
      await keeper.stop();
      await bits.close();
    },
  };
}
