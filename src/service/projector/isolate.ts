import type { InRecord, RecordBatch } from '../../clients/kafka/ports.ts';
import { sqlStateOf } from '../../clients/postgres/index.ts';
import { failureText, isPoison } from './trouble.ts';

export interface Isolation {
  /** Applies a part of the batch; a text: the offsets have to be read again first. Throws what Postgres says. */
  readonly apply: (part: RecordBatch) => Promise<string | undefined>;
  /** The row of this record is refused: from now on it is put aside. */
  readonly refuse: (record: InRecord, sqlState: string) => void;
}

/** Thrown to end the search: nothing may be assumed about the offsets. */
class ReadAgain extends Error {}

/**
 * Applies a batch whose rows Postgres refuses as they are, halving it until the single events are found, which are put
 * aside. Answers why that does not help either (the partition has to stop), or undefined; when the offsets have to be
 * read again it ends early, and what is left comes again. Throws what is not about the data.
 */
export async function isolate(batch: RecordBatch, isolation: Isolation): Promise<string | undefined> {
  try {
    await search(batch, isolation);
    return undefined;
  } catch (error) {
    if (error instanceof ReadAgain) return undefined;
    if (isPoison(error)) return failureText(error);
    throw error;
  }
}

async function search(batch: RecordBatch, isolation: Isolation): Promise<void> {
  try {
    await apply(batch, isolation);
  } catch (error) {
    if (!isPoison(error)) throw error;
    const [first, second] = batch.records;
    if (first === undefined) throw error;
    if (second === undefined) {
      isolation.refuse(first, sqlStateOf(error) ?? 'unknown');
      await apply(batch, isolation);
      return;
    }
    const [left, right] = halvesOf(batch);
    await search(left, isolation);
    await search(right, isolation);
  }
}

async function apply(part: RecordBatch, isolation: Isolation): Promise<void> {
  if ((await isolation.apply(part)) !== undefined) throw new ReadAgain();
}

function halvesOf(batch: RecordBatch): readonly [RecordBatch, RecordBatch] {
  const middle = Math.ceil(batch.records.length / 2);
  const right = batch.records.slice(middle);
  const nextOffset = right[0]?.offset ?? batch.nextOffset;
  return [
    { ...batch, records: batch.records.slice(0, middle), nextOffset },
    { ...batch, records: right },
  ];
}
