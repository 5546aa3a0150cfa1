import { Brokers } from './brokers.ts';
import { epochEnds } from './epochs.ts';
import { bounds, offsetsAt } from './list-offsets.ts';
import type { Read, Reader, ReaderOptions, ReadPosition } from './ports.ts';
import { KafkaReader, type ReadOptions } from './reader.ts';
import type { KafkaTarget } from './target.ts';

export type { ReadOptions } from './reader.ts';

/** Read over raw Fetch, ListOffsets and Metadata requests. Closing it closes its readers too. */
export function openRead(target: KafkaTarget, options: Partial<ReadOptions> = {}): Read {
  const brokers = new Brokers(target);
  const readers = new Set<KafkaReader>();
  return {
    bounds: (topics, { timeoutMs }) => bounds(brokers, topics, timeoutMs),
    offsetsAt: (wants, { timeoutMs }) => offsetsAt(brokers, wants, timeoutMs),
    epochEnds: (wants, { timeoutMs }) => epochEnds(brokers, wants, timeoutMs),
    open: (positions: readonly ReadPosition[], own?: ReaderOptions): Reader => {
      const reader = new KafkaReader(brokers, positions, {
        ...options,
        ...own,
        onClose: (closed) => readers.delete(closed),
      });
      readers.add(reader);
      return reader;
    },
    close: async () => {
      await Promise.all([...readers].map((reader) => reader.close()));
      brokers.close();
    },
  };
}
