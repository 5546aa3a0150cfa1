import type { RecordBatch } from './ports.ts';

interface Part {
  readonly batches: { readonly batch: RecordBatch; readonly bytes: number }[];
  bytes: number;
}

/**
 * Fetched batches that wait for their reader: bounded per partition (a full partition is not fetched, so one slow
 * partition cannot fill the memory nor starve the others) and taken in turn, one batch a partition.
 */
export class BatchQueue {
  readonly #maxBytesPerPartition: number;
  /** Only partitions with batches, the next one to take from first. */
  readonly #parts = new Map<string, Part>();

  constructor(maxBytesPerPartition: number) {
    this.#maxBytesPerPartition = maxBytesPerPartition;
  }

  hasRoom(key: string): boolean {
    return (this.#parts.get(key)?.bytes ?? 0) < this.#maxBytesPerPartition;
  }

  add(key: string, batch: RecordBatch, bytes: number): void {
    const part = this.#parts.get(key) ?? { batches: [], bytes: 0 };
    part.batches.push({ batch, bytes });
    part.bytes += bytes;
    this.#parts.set(key, part);
  }

  take(): RecordBatch | undefined {
    for (const [key, part] of this.#parts) {
      this.#parts.delete(key);
      const first = part.batches.shift();
      if (first === undefined) continue;
      part.bytes -= first.bytes;
      // Back of the queue: every other partition comes first.
      if (part.batches.length > 0) this.#parts.set(key, part);
      return first.batch;
    }
    return undefined;
  }

  drop(key: string): void {
    this.#parts.delete(key);
  }
}
