import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { OutRecord, Produce, Read } from '../../../clients/kafka/ports.ts';
import { TOPICS } from '../../../contract/records.ts';
import { boundsOf } from '../../runtime/topics.ts';
import type { CoveredCapture } from '../base.ts';
import type { TopicIds } from '../deps.ts';
import { candidates, type WholeSlot } from './choose.ts';
import { chunkRecord, chunksOf, manifestRecord, tombstone } from './codec.ts';
import { type Manifest, newerFirst, Sealer, SLOTS, type SlotName } from './manifest.ts';
import { readSlots, type SlotsRead } from './read.ts';

export interface WriterDeps {
  readonly read: Pick<Read, 'bounds' | 'open'>;
  readonly produce: Pick<Produce, 'send'>;
  readonly topicIds: TopicIds;
  readonly partitions: number;
  readonly signal: AbortSignal;
  /** Largest chunk, for tests; CHUNK_BYTES. */
  readonly chunkBytes?: number;
}

/** What is known of the slots of a partition, while its log ends where it did. */
export interface KnownSlots {
  readonly endOffset: bigint;
  /** The newest whole one; the other one is written next. */
  readonly best: WholeSlot | undefined;
  /** Chunks that stand in each, by whatever snapshot. */
  readonly chunks: Readonly<Record<SlotName, number>>;
}

const SEND_DEADLINE_MS = 10_000;
const READ_TIMEOUT_MS = 60_000;
const BOUNDS_TIMEOUT_MS = 5000;
/** Speed before size: it is read once in a life. */
const GZIP_LEVEL = 1;
const compress = promisify(gzip);

/** `misfits`: hashes of snapshots that are whole and not of these logs. */
export function knownSlots({ book, endOffset }: SlotsRead, misfits: readonly string[]): KnownSlots {
  const fitting = candidates(book).filter(({ manifest }) => !misfits.includes(manifest.hash));
  const whole = fitting.find(({ slot, manifest }) => typeof book.open(slot, manifest) !== 'string');
  const [a = 0, b = 0] = book.slots().map(({ chunks }) => chunks);
  return { endOffset, best: whole, chunks: { a, b } };
}

/**
 * Writes snapshots into the slot that is not the newest whole one, chunk by chunk, each encoded when the one before is
 * acknowledged: the manifest is last, so that a slot is whole or it does not count. Whoever else writes there (an owner
 * before this one, not quite dead) is seen by offsets that are not our own; then the slots are read again first.
 */
export class SnapshotWriter {
  readonly #deps: WriterDeps;
  readonly #known = new Map<number, KnownSlots>();
  readonly #misfits = new Map<number, readonly string[]>();

  constructor(deps: WriterDeps) {
    this.#deps = deps;
  }

  /** What a restore has found. */
  learn(partition: number, slots: SlotsRead, misfits: readonly string[]): void {
    this.#misfits.set(partition, misfits);
    this.#known.set(partition, knownSlots(slots, misfits));
  }

  /**
   * Writes a snapshot; undefined: a newer one stands there already. Throws when it could not be written to its end, or
   * somebody else wrote in between: then the slot does not count, and the other one is as it was.
   */
  async write(partition: number, covered: CoveredCapture): Promise<Manifest | undefined> {
    const { best, chunks, endOffset } = await this.#current(partition);
    const slot = SLOTS.find((each) => each !== best?.slot) ?? 'a';
    const head = this.#head(partition, covered);
    if (best !== undefined && newerFirst(best.manifest, { ...best.manifest, ...head }) <= 0) return undefined;
    // Until the end nobody can say what stands there.
    this.#known.delete(partition);
    const sealer = new Sealer();
    let next = endOffset;
    const send = async (record: OutRecord): Promise<void> => {
      next = await this.#send(partition, record, next);
    };
    for (const text of chunksOf(covered.capture, this.#deps.chunkBytes)) {
      const compressed = await compress(text, { level: GZIP_LEVEL });
      await send(chunkRecord(slot, sealer.chunks, compressed));
      sealer.add(text);
    }
    const manifest = sealer.seal(head);
    await send(manifestRecord(slot, manifest));
    for (let index = manifest.chunks; index < chunks[slot]; index += 1) await send(tombstone(slot, index));
    this.#known.set(partition, {
      endOffset: next,
      best: { slot, manifest, writtenAtMs: Date.now() },
      chunks: { ...chunks, [slot]: manifest.chunks },
    });
    return manifest;
  }

  #head(partition: number, { capture, commands, events }: CoveredCapture) {
    const { partitions, topicIds } = this.#deps;
    return {
      v: 1 as const,
      ...{ partition, partitions },
      commands: { ...commands, topicId: topicIds.commands, nextOffset: commands.nextOffset.toString() },
      events: { ...events, topicId: topicIds.events, nextOffset: events.nextOffset.toString() },
      rulesVersion: capture.rulesVersion,
      lastCommandOffset: capture.lastCommandOffset.toString(),
      logTimeMs: capture.logTimeMs,
    };
  }

  async #current(partition: number): Promise<KnownSlots> {
    const { read, signal } = this.#deps;
    const known = this.#known.get(partition);
    if (known !== undefined) {
      const bounds = await read.bounds([TOPICS.snapshots], { timeoutMs: BOUNDS_TIMEOUT_MS });
      if (boundsOf(bounds, TOPICS.snapshots, partition).endOffset === known.endOffset) return known;
    }
    const slots = await readSlots({ read, partitions: [partition], timeoutMs: READ_TIMEOUT_MS, signal });
    const found = slots.get(partition);
    if (found === undefined) throw new Error(`no answer about the slots of partition ${partition}`);
    return knownSlots(found, this.#misfits.get(partition) ?? []);
  }

  /** Sends a record that has to stand at `offset`; answers the one after it. */
  async #send(partition: number, record: OutRecord, offset: bigint): Promise<bigint> {
    const { produce, signal } = this.#deps;
    signal.throwIfAborted();
    const batch = { topic: TOPICS.snapshots, partition, records: [record] };
    const { baseOffset } = await produce.send(batch, { deadlineMs: SEND_DEADLINE_MS });
    if (baseOffset === offset) return offset + 1n;
    throw new Error(
      `another record stands at ${TOPICS.snapshots}/${partition} @ ${offset}: somebody else writes there`,
    );
  }
}
