import { isUpliftError, UpliftError } from '../../core/error.ts';
import { formatMs } from '../../core/units.ts';
import type { PartitionBatch } from './ports.ts';

/**
 * Did this failure of Produce or of the batcher happen with nothing written, for certain? Only UPL-KAFKA-PRODUCE leaves
 * it open (the records may stand in the log, or may still land); every other refusal happened before the log.
 */
export function certainlyNotWritten(error: unknown): boolean {
  return isUpliftError(error) && error.code !== 'UPL-KAFKA-PRODUCE' && error.code.startsWith('UPL-KAFKA-');
}

/** UPL-KAFKA-OVERLOADED: refused before it was sent; safe to send again. */
export function overloaded(topic: string, partition: number, why: string): UpliftError {
  return new UpliftError('UPL-KAFKA-OVERLOADED', {
    message: `${topic}/${partition}: overloaded, nothing was sent (${why}).`,
  });
}

/** UPL-KAFKA-PRODUCE: at least one attempt was made and none was confirmed; the outcome is unknown. */
export function outcomeUnknown(
  batch: PartitionBatch,
  deadlineMs: number,
  attempts: number,
  last: unknown,
): UpliftError {
  const tries = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
  const count = batch.records.length === 1 ? '1 record' : `${batch.records.length} records`;
  return new UpliftError('UPL-KAFKA-PRODUCE', {
    message: `${batch.topic}/${batch.partition}: ${count} not acknowledged within ${formatMs(deadlineMs)} (${tries}); whether they are in the log is unknown.`,
    ...(last === undefined ? {} : { cause: last }),
  });
}

/** Kafka refused these records as such: nothing was appended, and sending them again cannot help. */
const REFUSALS = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'INVALID_TOPIC_EXCEPTION',
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
]);

/**
 * Throws when trying again cannot help and nothing can have been written: a refused login before the first attempt, or
 * Kafka's definite refusal of these records on the first one.
 */
export function throwIfHopeless(batch: PartitionBatch, error: unknown, attempts: number): void {
  if (attempts === 0 && isUpliftError(error, 'UPL-KAFKA-AUTH')) throw error;
  if (attempts > 1) return;
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (!('type' in at) || typeof at.type !== 'string' || !REFUSALS.has(at.type)) continue;
    throw new UpliftError('UPL-KAFKA-REQUEST', {
      message: `${batch.topic}/${batch.partition}: Kafka refused the records (${at.type}); they are not in the log.`,
      cause: error,
    });
  }
}
