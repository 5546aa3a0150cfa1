import type { EpochEnd, PartitionBounds } from '../../clients/kafka/ports.ts';
import { sqlStateOf } from '../../clients/postgres/index.ts';
import { isUpliftError } from '../../core/error.ts';
import type { StoredPosition } from './store.ts';

/** Only data errors are poison; everything else is Postgres being away or busy (S11). */
export function isPoison(error: unknown): boolean {
  if (!isUpliftError(error, 'UPL-POSTGRES-QUERY')) return false;
  const state = sqlStateOf(error) ?? '';
  return state.startsWith('22') || state.startsWith('23');
}

/** Why a stored position cannot be read from, or undefined (S3). */
export function troubleOf(
  position: StoredPosition | undefined,
  bounds: PartitionBounds | undefined,
  topicId: string,
): string | undefined {
  if (position === undefined || bounds === undefined) return 'its position or its bounds are not known';
  if (position.topicId !== topicId) {
    return `Postgres holds positions of topic id ${position.topicId}, the topic is ${topicId}: it was made again`;
  }
  const { nextOffset } = position;
  if (nextOffset >= bounds.startOffset && nextOffset <= bounds.endOffset) return undefined;
  return `the next event is ${nextOffset}, but events ${bounds.startOffset} to ${bounds.endOffset} are in the log`;
}

/**
 * Why the log is not the one that was projected, or undefined: the epoch of the last applied record must still reach at
 * least up to it. A log cut back by an unclean election ends that epoch earlier, even when new records fill the offsets.
 */
export function cutBelow(position: StoredPosition, end: EpochEnd | undefined): string | undefined {
  if (position.leaderEpoch < 0) return undefined;
  const at = `events are applied up to ${position.nextOffset} of leader epoch ${position.leaderEpoch}`;
  if (end === undefined) return `${at}, and nobody said where that epoch ends in the log`;
  if (end.leaderEpoch < 0) return `${at}, and the log knows no epoch as new: it is another log`;
  if (end.endOffset >= position.nextOffset) return undefined;
  return `${at}, but in the log that epoch ends at ${end.endOffset}: records were cut off after they were applied`;
}
