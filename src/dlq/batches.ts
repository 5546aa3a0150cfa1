import type { PlannedLetter } from './plan.ts';

/** Letters that go into one partition of the target in one send. */
export interface LetterBatch {
  readonly targetPartition: number;
  readonly letters: readonly PlannedLetter[];
}

/** Between two sends a replay can be stopped: they are kept short. */
export const BATCH_LETTERS = 200;
const BATCH_BYTES = 512 * 1024;

/** Cuts letters into sends, in their order; each is one target partition's and fits the target's largest batch. */
export function batchesOf(letters: readonly PlannedLetter[], maxMessageBytes: number): LetterBatch[] {
  const limit = Math.min(BATCH_BYTES, maxMessageBytes);
  const batches: { targetPartition: number; letters: PlannedLetter[]; bytes: number }[] = [];
  for (const letter of letters) {
    const last = batches.at(-1);
    const fits =
      last !== undefined &&
      last.targetPartition === letter.origin.partition &&
      last.letters.length < BATCH_LETTERS &&
      last.bytes + letter.bytes <= limit;
    if (fits) {
      last.letters.push(letter);
      last.bytes += letter.bytes;
    } else {
      batches.push({ targetPartition: letter.origin.partition, letters: [letter], bytes: letter.bytes });
    }
  }
  return batches.map(({ targetPartition, letters: own }) => ({ targetPartition, letters: own }));
}
