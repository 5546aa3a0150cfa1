import type { RedisNode } from '../../clients/redis/ports.ts';
import type { Prepared } from '../engine/drill.ts';

/** Settings of a node that explain a failover; null: they could not be read. */
export interface RedisSettings {
  readonly nodeTimeoutMs: number | null;
  readonly requireFullCoverage: string | null;
  readonly minReplicasToWrite: string | null;
  readonly replicaValidityFactor: string | null;
  /** Whether its data is on its disk: `aof`, `snapshots`, `nothing`. */
  readonly persistence: 'aof' | 'snapshots' | 'nothing' | null;
}

const NAMES = [
  'cluster-node-timeout',
  'cluster-require-full-coverage',
  'min-replicas-to-write',
  'cluster-replica-validity-factor',
  'appendonly',
  'save',
] as const;

/** What a node is configured with; where CONFIG is refused, nothing is known, and nothing is guessed. */
export async function readSettings(node: Pick<RedisNode, 'config'>): Promise<RedisSettings> {
  return settingsOf(await node.config(NAMES).catch(() => new Map<string, string>()));
}

/** Pure: the answer of CONFIG GET. */
export function settingsOf(config: ReadonlyMap<string, string>): RedisSettings {
  const textOf = (name: (typeof NAMES)[number]): string | null => config.get(name) ?? null;
  const nodeTimeoutMs = Number(textOf('cluster-node-timeout') ?? Number.NaN);
  const [appendonly, save] = [textOf('appendonly'), textOf('save')];
  const unread = appendonly === null || save === null;
  const persistence = appendonly === 'yes' ? 'aof' : save === '' ? 'nothing' : 'snapshots';
  return {
    nodeTimeoutMs: nodeTimeoutMs > 0 ? nodeTimeoutMs : null,
    requireFullCoverage: textOf('cluster-require-full-coverage'),
    minReplicasToWrite: textOf('min-replicas-to-write'),
    replicaValidityFactor: textOf('cluster-replica-validity-factor'),
    persistence: unread ? null : persistence,
  };
}

/** A replica waits 500 ms and up to 500 ms more before it asks for votes; with others ahead of it, a second for each. */
const ELECTION_DELAY_MS = 1000;

/** Pure: the configured values that a recovery time is set beside. */
export function explainRedis(settings: RedisSettings, planned: boolean): Prepared['expected'] {
  const shown = (value: string | null): string => value ?? 'not readable';
  const { nodeTimeoutMs, requireFullCoverage, minReplicasToWrite, replicaValidityFactor } = settings;
  const parts: Prepared['expected'] = {
    elect: planned
      ? {
          expectedMs: null,
          by: 'the master holds writes until the replica has all; Redis gives up after 5 s',
        }
      : {
          expectedMs: ELECTION_DELAY_MS,
          by: `500 ms and up to 500 ms, vote of the masters; cluster-replica-validity-factor ${shown(replicaValidityFactor)}`,
        },
    reconnect: {
      expectedMs: null,
      by: `next write of the probe; cluster-require-full-coverage ${shown(requireFullCoverage)}, min-replicas-to-write ${shown(minReplicasToWrite)}`,
    },
    slo: { expectedMs: null, by: 'p99, errors and rate for 3 s, and writes on the shard again' },
    restored: {
      expectedMs: null,
      by: 'node runs again as a linked replica, CLUSTER FAILOVER on the old master',
    },
  };
  if (planned) return parts;
  const by =
    nodeTimeoutMs === null
      ? 'not readable'
      : `cluster-node-timeout ${nodeTimeoutMs}, FAIL by a majority of masters`;
  return { detect: { expectedMs: nodeTimeoutMs, by }, ...parts };
}
