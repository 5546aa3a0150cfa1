import type {
  GroupListing,
  Groups,
  PartitionOffset,
  Told,
  TopicPartition,
} from '../../clients/kafka/group-ports.ts';
import { reasonOf } from '../../core/error.ts';

/** A position somebody stored; with the id of the topic it was stored for, where that is known. */
export interface Position extends PartitionOffset {
  readonly topicId?: string;
}

/** Whoever keeps its positions elsewhere: a read model with its offsets in a database. */
export interface ProjectionSource {
  readonly name: string;
  readonly topic: string;
  positions(): Promise<readonly Position[]>;
}

/** Where one consumer stood. */
export interface ConsumerLook {
  readonly kind: 'group' | 'projection';
  readonly name: string;
  /** Of a group as its coordinator listed it: `Stable`, `Empty`, …; null for a projection. */
  readonly groupState: string | null;
  /** The one topic a projection reads, all of it; null for a group, which may read any. */
  readonly topic: string | null;
  readonly positions: Told<readonly Position[]>;
}

/** One look at positions and, read after them, at the ends of their logs: so an end is never below a position it had. */
export interface Look {
  /** Epoch ms when the positions had been read. */
  readonly atMs: number;
  /** Monotonic ms of the same moment. */
  readonly monoMs: number;
  readonly consumers: readonly ConsumerLook[];
  /** High watermarks, by `topic/partition`. */
  readonly ends: ReadonlyMap<string, Told<bigint>>;
}

export interface LookRequest {
  readonly groups: Pick<Groups, 'committed' | 'edges'>;
  readonly listings: readonly GroupListing[];
  readonly projections: readonly ProjectionSource[];
  readonly nowMs: () => number;
  readonly timeoutMs: number;
}

/** `topic/partition`, the key of everything that is known of a partition. */
export const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/** Looks once: all positions side by side, then all ends. What cannot be told is a reason, never an exception. */
export async function lookOnce(request: LookRequest): Promise<Look> {
  const { groups, listings, projections, nowMs, timeoutMs } = request;
  const [committed, projected] = await Promise.all([
    groups.committed(listings, { timeoutMs }),
    Promise.all(projections.map(positionsOf)),
  ]);
  const [atMs, monoMs] = [nowMs(), performance.now()];
  const consumers = [
    ...listings.map(
      ({ groupId, state }, at): ConsumerLook => ({
        kind: 'group',
        name: groupId,
        groupState: state,
        topic: null,
        positions: committed[at] ?? { told: false, reason: 'not asked' },
      }),
    ),
    ...projected,
  ];
  const ends = await edgesOf(groups, partitionsOf(consumers), 'end', timeoutMs);
  return Object.freeze({ atMs, monoMs, consumers, ends });
}

async function positionsOf({ name, topic, positions }: ProjectionSource): Promise<ConsumerLook> {
  const consumer = { kind: 'projection', name, groupState: null, topic } as const;
  try {
    return { ...consumer, positions: { told: true, value: await positions() } };
  } catch (error) {
    return { ...consumer, positions: { told: false, reason: reasonOf(error) } };
  }
}

/** Every partition that some consumer has a position on, each once. */
export function partitionsOf(consumers: readonly ConsumerLook[]): TopicPartition[] {
  const found = new Map<string, TopicPartition>();
  for (const { positions } of consumers) {
    if (!positions.told) continue;
    for (const one of positions.value) found.set(keyOf(one), { topic: one.topic, partition: one.partition });
  }
  return [...found.values()];
}

/** One end of each of these logs, by `topic/partition`. */
export async function edgesOf(
  groups: Pick<Groups, 'edges'>,
  partitions: readonly TopicPartition[],
  edge: Parameters<Groups['edges']>[1],
  timeoutMs: number,
): Promise<ReadonlyMap<string, Told<bigint>>> {
  if (partitions.length === 0) return new Map();
  const told = await groups.edges(partitions, edge, { timeoutMs });
  return new Map(partitions.map((one, at) => [keyOf(one), told[at] ?? { told: false, reason: 'not asked' }]));
}
