import type { EpochEnd, PartitionBounds } from '../../clients/kafka/ports.ts';
import { TOPICS } from '../../contract/records.ts';

/** Where to read on in a log, with the epoch of the last record before; -1: not known, or there is none. */
export interface StoredPosition {
  readonly nextOffset: bigint;
  readonly leaderEpoch: number;
}

/** Where somebody has to read on, and what the log holds: why that does not fit, or undefined. `what`: "event". */
export function outOfBounds(
  { nextOffset }: Pick<StoredPosition, 'nextOffset'>,
  { startOffset, endOffset }: Pick<PartitionBounds, 'startOffset' | 'endOffset'>,
  what: string,
): string | undefined {
  if (nextOffset >= startOffset && nextOffset <= endOffset) return undefined;
  return `the next ${what} is ${nextOffset}, but ${what}s ${startOffset} to ${endOffset} are in the log`;
}

/**
 * Why an event cannot follow what is known, or undefined: the offsets in it are of another commands topic than those known,
 * so an equal or higher one says nothing (S3). Null: its writer, or all events so far, did not say of which.
 * `known` says what is known of the other id: "the topic is".
 */
export function otherCommands(
  decidedFrom: string | null,
  knownId: string | null,
  known: string,
): string | undefined {
  if (decidedFrom === null || knownId === null || decidedFrom === knownId) return undefined;
  return `was decided from ${TOPICS.commands} of topic id ${decidedFrom}, but ${known} ${knownId}: it was made again`;
}

/**
 * Why the log is not the one that was read up to a position, or undefined: the epoch of the last record before it must
 * still reach at least up to it. A log cut back by an unclean election ends that epoch earlier, even when new records
 * fill the offsets. `read` says who read what: "events are applied".
 */
export function cutBelow(
  position: StoredPosition,
  end: EpochEnd | undefined,
  read: string,
): string | undefined {
  if (position.leaderEpoch < 0) return undefined;
  const at = `${read} up to ${position.nextOffset} of leader epoch ${position.leaderEpoch}`;
  if (end === undefined) return `${at}, and nobody said where that epoch ends in the log`;
  if (end.leaderEpoch < 0) return `${at}, and the log knows no epoch as new: it is another log`;
  if (end.endOffset >= position.nextOffset) return undefined;
  return `${at}, but in the log that epoch ends at ${end.endOffset}: records were cut off after that`;
}
