import type { PartitionBounds } from '../../clients/kafka/ports.ts';
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
