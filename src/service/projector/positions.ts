import type { EpochEnd } from '../../clients/kafka/ports.ts';
import { TOPICS } from '../../contract/records.ts';
import { cutBelow } from '../runtime/stored-position.ts';
import { checkTopics } from '../runtime/topics.ts';
import type { ProjectorDeps } from './deps.ts';
import type { Position } from './fold.ts';
import { loadPositions, type StoredPosition } from './store.ts';
import { troubleOf } from './trouble.ts';

const REQUEST_TIMEOUT_MS = 5000;

/** Where a projector begins. */
export interface Beginning {
  /** Of the events topic. */
  readonly topicId: string;
  /** Of the partitions that can be projected. */
  readonly positions: ReadonlyMap<number, Position>;
  /** Why the others cannot. */
  readonly troubles: ReadonlyMap<number, string>;
  /** Ends of the log, as far as they are known. */
  readonly ends: ReadonlyMap<number, bigint>;
}

/** Positions of the owned partitions as Postgres holds them, held against what is in the log (S3). */
export async function lookUpPositions(
  deps: Pick<ProjectorDeps, 'cluster' | 'partitions' | 'owned' | 'sql' | 'read'>,
): Promise<Beginning> {
  const { cluster, partitions, owned, sql, read } = deps;
  const ids = await checkTopics(cluster, {
    names: [TOPICS.events],
    partitions,
    timeoutMs: REQUEST_TIMEOUT_MS,
  });
  const topicId = ids.get(TOPICS.events) ?? '';
  const stored = await loadPositions(sql, topicId, owned);
  const bounds = await read.bounds([TOPICS.events], { timeoutMs: REQUEST_TIMEOUT_MS });
  const epochs = await epochEnds(deps, topicId, stored);
  const positions = new Map<number, Position>();
  const troubles = new Map<number, string>();
  const ends = new Map<number, bigint>();
  for (const partition of owned) {
    const position = stored.get(partition);
    const found = bounds.find((each) => each.partition === partition);
    const cut = (at: StoredPosition): string | undefined =>
      cutBelow(at, epochs.get(partition), 'events are applied');
    const trouble =
      troubleOf(position, found, topicId) ?? (position === undefined ? undefined : cut(position));
    if (trouble !== undefined) troubles.set(partition, trouble);
    else if (position !== undefined) positions.set(partition, position);
    if (found !== undefined) ends.set(partition, found.endOffset);
  }
  return { topicId, positions, troubles, ends };
}

/** What today's leaders say of the epochs our positions carry (S3). */
async function epochEnds(
  { read }: Pick<ProjectorDeps, 'read'>,
  topicId: string,
  stored: ReadonlyMap<number, StoredPosition>,
): Promise<ReadonlyMap<number, EpochEnd>> {
  const wants = [...stored].flatMap(([partition, { leaderEpoch, topicId: storedId }]) =>
    leaderEpoch < 0 || storedId !== topicId ? [] : [{ topic: TOPICS.events, partition, leaderEpoch }],
  );
  const ends = await read.epochEnds(wants, { timeoutMs: REQUEST_TIMEOUT_MS });
  return new Map(ends.map((end) => [end.partition, end]));
}
