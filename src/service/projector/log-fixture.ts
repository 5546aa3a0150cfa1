import type { InRecord, Reader, RecordBatch } from '../../clients/kafka/ports.ts';
import type { EventSchema } from '../../contract/events.ts';
import { type Decision, type ReservationState, TOPICS } from '../../contract/records.ts';
import { idOf, someDecision, someReservation } from '../../contract/testing/decisions.ts';
import { encodeDecision, eventHeaders } from '../domain/codec.ts';

/** What comes next in the events of a partition. */
export const STEPS = [
  'create',
  'change',
  'reject',
  'repeat',
  /** Postgres refuses its row. */
  'poison',
  /** Of a schema that the projector does not read. */
  'newer',
  'garbage',
  /** The record before once more: a send whose answer was lost. */
  'twice',
  /** An offset without a record. */
  'hole',
] as const;
export interface LogStep {
  readonly kind: (typeof STEPS)[number];
  /** Which of the earlier ones it is about. */
  readonly of: number;
}

export interface TestLog {
  readonly partition: number;
  readonly records: readonly InRecord[];
  readonly endOffset: bigint;
  /** Offsets of records whose rows Postgres refuses. */
  readonly poison: readonly bigint[];
}

export const TOPIC_ID = 'id';
export const POISON = 'poison';
const EVENTS_A_PARTITION = 1000;

/** The events that one partition holds. */
export function logOf(partition: number, steps: readonly LogStep[]): TestLog {
  const writer = new LogWriter(partition);
  for (const step of steps) writer.write(step);
  return writer.log();
}

class LogWriter {
  readonly #partition: number;
  readonly #records: InRecord[] = [];
  readonly #poison: bigint[] = [];
  readonly #firsts: Decision[] = [];
  readonly #reservations = new Map<string, ReservationState>();
  #offset = 0n;
  #commands = 0;

  constructor(partition: number) {
    this.#partition = partition;
  }

  log(): TestLog {
    const [partition, endOffset] = [this.#partition, this.#offset];
    return { partition, records: this.#records, endOffset, poison: this.#poison };
  }

  write({ kind, of }: LogStep): void {
    const last = this.#records.at(-1);
    const reservation = [...this.#reservations.values()][of % Math.max(1, this.#reservations.size)];
    const first = this.#firsts[of % Math.max(1, this.#firsts.length)];
    if (kind === 'hole') this.#offset += 1n;
    else if (kind === 'garbage') this.#append({ value: Buffer.from('garbage'), headers: [] });
    else if (kind === 'twice' && last !== undefined) this.#append(last);
    else if (kind === 'change' && reservation !== undefined)
      this.#change({ ...reservation, version: reservation.version + 1, quantity: 1 + (of % 5) });
    else if (kind === 'repeat' && first !== undefined) this.#repeat(first);
    else if (kind === 'reject') this.#first({ decision: 'rejected', reservation: null, reason: 'full' });
    else this.#create(kind);
  }

  #create(kind: LogStep['kind']): void {
    const id = `res-${this.#partition}-${this.#commands}`;
    const resource = kind === 'poison' ? POISON : 'r';
    if (kind === 'poison') this.#poison.push(this.#offset);
    this.#change(someReservation({ id, resource }), kind === 'newer' ? 2 : 1);
  }

  #change(reservation: ReservationState, schema: EventSchema = 1): void {
    this.#reservations.set(reservation.id, reservation);
    this.#first({ decision: 'accepted', reservation }, schema);
  }

  #first(over: Partial<Decision>, schema: EventSchema = 1): void {
    const decision = this.#decide(over, schema);
    this.#firsts.push(decision);
  }

  #repeat({ eventId, commandOffset, decision, reservation }: Decision): void {
    const of = decision === 'rejected' ? 'rejected' : 'accepted';
    this.#decide({ decision: 'repeated', eventId, reservation, first: { commandOffset, decision: of } }, 1);
  }

  #decide(over: Partial<Decision>, schema: EventSchema): Decision {
    const eventId = idOf(this.#partition * EVENTS_A_PARTITION + this.#commands);
    const decision = someDecision(this.#commands, { eventId, ...over });
    this.#commands += 1;
    this.#append({
      value: encodeDecision(decision, schema),
      headers: eventHeaders(decision, schema, null, 'commands-topic'),
    });
    return decision;
  }

  #append({ value, headers }: Pick<InRecord, 'value' | 'headers'>): void {
    const key = Buffer.from('t/r');
    this.#records.push({ offset: this.#offset, leaderEpoch: 3, timestampMs: 7000, key, value, headers });
    this.#offset += 1n;
  }
}

/** Resolves in a later turn of the event loop: others do theirs in between. */
export const turn = (): Promise<void> => new Promise((done) => void setImmediate(done));

/**
 * Reads these logs as a Reader does: each partition from where it was sought to, in batches of the given sizes in turn;
 * a size of 0 is a moment without a batch.
 */
export class LogReader implements Reader {
  readonly #logs: ReadonlyMap<number, TestLog>;
  readonly #sizes: readonly number[];
  readonly #at: Map<number, bigint>;
  #calls = 0;
  #closed = false;

  constructor(logs: readonly TestLog[], at: ReadonlyMap<number, bigint>, sizes: readonly number[]) {
    this.#logs = new Map(logs.map((log) => [log.partition, log]));
    this.#at = new Map(at);
    this.#sizes = sizes;
  }

  async next(waitMs: number): Promise<RecordBatch | undefined> {
    const size = this.#sizes[this.#calls++ % this.#sizes.length] ?? 1;
    if (waitMs > 0) await turn();
    const partitions = [...this.#at].filter(([p, at]) => at < (this.#logs.get(p)?.endOffset ?? 0n));
    const [partition] = partitions[this.#calls % Math.max(1, partitions.length)] ?? [];
    if (this.#closed || partition === undefined || size === 0) return undefined;
    return this.#batch(partition, size);
  }

  #batch(partition: number, size: number): RecordBatch {
    const { records = [], endOffset = 0n } = this.#logs.get(partition) ?? {};
    const rest = records.filter(({ offset }) => offset >= (this.#at.get(partition) ?? 0n));
    const taken = rest.slice(0, size);
    const after = rest[size]?.offset ?? endOffset;
    // Holes behind the last record come with it, or as a batch without records.
    const nextOffset = size % 2 === 0 ? after : (taken.at(-1)?.offset ?? after - 1n) + 1n;
    this.#at.set(partition, nextOffset);
    const place = { topic: TOPICS.events, topicId: TOPIC_ID, partition };
    return { ...place, records: taken, nextOffset, highWatermark: endOffset };
  }

  seek(_topic: string, partition: number, nextOffset: bigint): void {
    this.#at.set(partition, nextOffset);
  }

  stalled(): [] {
    return [];
  }

  async close(): Promise<void> {
    this.#closed = true;
  }
}
