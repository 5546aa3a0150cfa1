import { gunzipSync } from 'node:zlib';
import type { OutRecord } from '../../../clients/kafka/ports.ts';
import { type Capture, firstOf, liveOf, type Snapshot, snapshotSchema } from '../../domain/snapshot.ts';
import { type Manifest, manifestSchema, Sealer, SLOTS, type SlotName } from './manifest.ts';

/** Of a chunk before compression: what gzip cannot shrink still fits into a record of Kafka's default limit, 1 MiB. */
export const CHUNK_BYTES = 512 * 1024;

/**
 * The chunks of a snapshot, one after the other, so that nobody holds the whole of it twice: lines of JSON, one for each
 * first decision and live reservation, never cut within a line. `limitBytes` is for tests.
 */
export function* chunksOf(capture: Capture, limitBytes = CHUNK_BYTES): Generator<Buffer> {
  let lines: string[] = [];
  let bytes = 0;
  for (const line of linesOf(capture)) {
    const length = Buffer.byteLength(line);
    if (bytes > 0 && bytes + length > limitBytes) {
      yield Buffer.from(lines.join(''));
      lines = [];
      bytes = 0;
    }
    lines.push(line);
    bytes += length;
  }
  if (bytes > 0) yield Buffer.from(lines.join(''));
}

function* linesOf(capture: Capture): Generator<string> {
  for (const first of capture.firsts) yield `${JSON.stringify({ first: firstOf(first) })}\n`;
  for (const live of liveOf(capture)) yield `${JSON.stringify({ live })}\n`;
}

export function chunkRecord(slot: SlotName, index: number, compressed: Buffer): OutRecord {
  return { key: Buffer.from(chunkKey(slot, index)), value: compressed, headers: [] };
}

export function manifestRecord(slot: SlotName, manifest: Manifest): OutRecord {
  return { key: Buffer.from(manifestKey(slot)), value: Buffer.from(JSON.stringify(manifest)), headers: [] };
}

/** Drops a chunk that a longer snapshot left in this slot. */
export function tombstone(slot: SlotName, index: number): OutRecord {
  return { key: Buffer.from(chunkKey(slot, index)), value: null, headers: [] };
}

const chunkKey = (slot: SlotName, index: number): string => `${slot}/${index}`;
const manifestKey = (slot: SlotName): string => `${slot}/manifest`;

/** One slot, as far as its records tell without being opened. */
export interface SlotSeen {
  readonly slot: SlotName;
  /** Undefined: there is none that can be read. */
  readonly manifest: Manifest | undefined;
  /** When the manifest was written, by the broker's or writer's clock. */
  readonly writtenAtMs: number;
  /** Chunks that stand there, of whatever snapshot: one more than the highest index. */
  readonly chunks: number;
}

interface Kept {
  readonly value: Buffer | null;
  readonly timestampMs: number;
}

/**
 * The slots of one partition, from any stretch of its log that reaches to the end: of each key the last record counts, as
 * compaction would have it.
 */
export class SlotBook {
  readonly #last = new Map<string, Kept>();

  add({ key, value, timestampMs }: Pick<OutRecord, 'key' | 'value'> & { timestampMs: number }): void {
    if (key !== null) this.#last.set(key.toString('utf8'), { value, timestampMs });
  }

  /** Whether records before those added could not change what is found in either slot. */
  get isSettled(): boolean {
    return this.slots().every(({ slot, manifest }) => {
      const chunks = Array.from({ length: manifest?.chunks ?? 0 }, (_, index) => chunkKey(slot, index));
      return [manifestKey(slot), ...chunks].every((key) => this.#last.has(key));
    });
  }

  /** Both slots. */
  slots(): SlotSeen[] {
    return SLOTS.map((slot) => {
      const kept = this.#last.get(manifestKey(slot));
      return {
        slot,
        manifest: parseManifest(kept?.value),
        writtenAtMs: kept?.timestampMs ?? 0,
        chunks: this.#chunksIn(slot),
      };
    });
  }

  /** The snapshot of a manifest, or why the slot does not hold what the manifest says. */
  open(slot: SlotName, manifest: Manifest): Snapshot | string {
    const sealer = new Sealer();
    const entries: Pick<Snapshot, 'firsts' | 'live'> = { firsts: [], live: [] };
    for (let index = 0; index < manifest.chunks; index += 1) {
      const compressed = this.#last.get(chunkKey(slot, index))?.value;
      if (compressed === undefined || compressed === null)
        return `chunk ${index} of ${manifest.chunks} is missing`;
      const text = unzip(compressed);
      if (text === undefined) return `chunk ${index} is damaged`;
      sealer.add(text);
      if (!read(text, entries)) return `chunk ${index} cannot be read`;
    }
    const found = sealer.seal(manifest);
    if (found.hash !== manifest.hash || found.bytes !== manifest.bytes)
      return 'its hash does not match: it is torn or damaged';
    const { rulesVersion, lastCommandOffset, logTimeMs } = manifest;
    const parsed = snapshotSchema.safeParse({ rulesVersion, lastCommandOffset, logTimeMs, ...entries });
    return parsed.success ? parsed.data : 'it is in a format this process does not know';
  }

  #chunksIn(slot: SlotName): number {
    const indexes = [...this.#last].flatMap(([key, { value }]) =>
      value !== null && key.startsWith(`${slot}/`) ? [Number(key.slice(2))] : [],
    );
    return Math.max(-1, ...indexes.filter(Number.isInteger)) + 1;
  }
}

function parseManifest(value: Buffer | null | undefined): Manifest | undefined {
  if (value === null || value === undefined) return undefined;
  try {
    return manifestSchema.safeParse(JSON.parse(value.toString('utf8'))).data;
  } catch {
    return undefined;
  }
}

function unzip(compressed: Buffer): Buffer | undefined {
  try {
    // A bound, so that a record which is none of ours cannot fill the memory; a single line may pass the limit.
    return gunzipSync(compressed, { maxOutputLength: 2 * CHUNK_BYTES });
  } catch {
    return undefined;
  }
}

/** Adds the lines of a chunk to the entries; they are checked as a whole later. False: they are not lines of JSON. */
function read(text: Buffer, entries: { firsts: unknown[]; live: unknown[] }): boolean {
  try {
    for (const line of text.toString('utf8').split('\n')) {
      if (line === '') continue;
      const entry = JSON.parse(line) as { first?: unknown; live?: unknown };
      if (entry.first !== undefined) entries.firsts.push(entry.first);
      else entries.live.push(entry.live);
    }
    return true;
  } catch {
    return false;
  }
}
