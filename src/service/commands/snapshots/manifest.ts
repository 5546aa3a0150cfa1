import { createHash, type Hash } from 'node:crypto';
import { z } from 'zod';
import type { StoredPosition } from '../../runtime/stored-position.ts';

/** Each partition has two: while one is overwritten the other one stands. */
export const SLOTS = ['a', 'b'] as const;
export type SlotName = (typeof SLOTS)[number];

const offset = z.string().regex(/^-?\d{1,19}$/);
const positionSchema = z.object({ topicId: z.string(), nextOffset: offset, leaderEpoch: z.int() });

/**
 * The last record of a snapshot: what it covers, and by which chunks it is made up. Every field is part of the hash, and
 * so is every byte of the chunks: a slot of which anything is missing, mixed or damaged does not match it.
 */
export const manifestSchema = z.object({
  v: z.literal(1),
  partition: z.int().min(0),
  /** Of the topic: with another number keys fall into other partitions (S12). */
  partitions: z.int().min(1),
  /** First command that is not taken, quiet ticks counted, and the epoch of the one before. */
  commands: positionSchema,
  /** First event that is not covered, and the epoch of the one before; -1: not known. */
  events: positionSchema,
  rulesVersion: z.int(),
  lastCommandOffset: offset,
  logTimeMs: z.int(),
  chunks: z.int().min(0),
  /** Of all chunks, not compressed. */
  bytes: z.int().min(0),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});
export type Manifest = z.infer<typeof manifestSchema>;
/** What a manifest says of the state and where it belongs. */
export type SnapshotHead = Omit<Manifest, 'chunks' | 'bytes' | 'hash'>;

/** Puts the manifest together while the chunks pass by. */
export class Sealer {
  readonly #hash: Hash = createHash('sha256');
  #chunks = 0;
  #bytes = 0;

  get chunks(): number {
    return this.#chunks;
  }

  add(text: Buffer): void {
    this.#hash.update(text);
    this.#chunks += 1;
    this.#bytes += text.length;
  }

  /** The manifest of all that was added; ends the sealer. */
  seal(head: SnapshotHead): Manifest {
    const { v, partition, partitions, commands, events, rulesVersion, lastCommandOffset, logTimeMs } = head;
    const fields = {
      ...{ v, partition, partitions, commands: ordered(commands), events: ordered(events) },
      ...{ rulesVersion, lastCommandOffset, logTimeMs, chunks: this.#chunks, bytes: this.#bytes },
    };
    return { ...fields, hash: this.#hash.update(JSON.stringify(fields)).digest('hex') };
  }
}

const ordered = ({ topicId, nextOffset, leaderEpoch }: Manifest['events']): Manifest['events'] => ({
  topicId,
  nextOffset,
  leaderEpoch,
});

/** A position of a manifest as the readers of logs take it. */
export function positionIn({ nextOffset, leaderEpoch }: Manifest['events']): StoredPosition {
  return { nextOffset: BigInt(nextOffset), leaderEpoch };
}

/** Newest first: by the events it covers, then by the commands (ticks move those alone). */
export function newerFirst(a: Manifest, b: Manifest): number {
  const byEvents = BigInt(b.events.nextOffset) - BigInt(a.events.nextOffset);
  const difference =
    byEvents === 0n ? BigInt(b.commands.nextOffset) - BigInt(a.commands.nextOffset) : byEvents;
  return difference === 0n ? 0 : difference < 0n ? -1 : 1;
}
