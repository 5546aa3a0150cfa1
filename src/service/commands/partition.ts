import type { InRecord, OutRecord, Produce, RecordBatch } from '../../clients/kafka/ports.ts';
import { readReplay } from '../../contract/dead-letter.ts';
import { type EventSchema, NEWEST_EVENT_SCHEMA } from '../../contract/events.ts';
import { type Decision, TOPICS } from '../../contract/records.ts';
import { reasonOf } from '../../core/error.ts';
import { decodeDecision, encodeDecision, eventHeaders, traceparentOf } from '../domain/codec.ts';
import { decide } from '../domain/decide.ts';
import { apply, chain, emptyState, type FoldState } from '../domain/state.ts';
import { DecisionMemory } from './memory.ts';

export type Phase = 'restoring' | 'deciding' | 'stopped';

export interface OwnerDeps {
  readonly partition: number;
  readonly produce: Pick<Produce, 'send'>;
  readonly sendDeadlineMs: number;
  /** Schema the events are written in; all are read. */
  readonly eventSchema: EventSchema;
  readonly onDecided: (decision: Decision['decision']) => void;
  readonly onStopped: (partition: number, reason: string, differs: boolean) => void;
  /** Read commands from here: state is restored, or commands were dropped because too many decisions waited. */
  readonly onReadFrom: (partition: number, nextCommandOffset: bigint) => void;
  /** A send failed for good: the state is ahead of the log, so it was forgotten and has to be restored. */
  readonly onReset: (partition: number, reason: string) => void;
}

interface Outgoing {
  readonly commandOffset: bigint;
  readonly record: OutRecord;
  readonly kind: Decision['decision'];
}

const MAX_BATCH = 500;
const MAX_PENDING = 5000;
const REMEMBERED = 2000;

/**
 * Owner of one partition: restores the fold from events, decides commands, writes the decisions with one outstanding
 * send, and compares everything that appears in the events with its own decisions (S1).
 */
export class PartitionOwner {
  readonly #deps: OwnerDeps;
  #state: FoldState = emptyState();
  #memory = new DecisionMemory(REMEMBERED);
  #pending: Outgoing[] = [];
  #sending: Promise<void> | undefined;
  /** Undefined: everything was forgotten, and where the events end now is not known yet. */
  #restoreTo: bigint | undefined;
  /** Whether the next command record that comes is the next one to decide; after a hole it is not, until a seek. */
  #contiguous = false;
  /** `onReadFrom` was called and not answered by `resume` yet. */
  #asked = false;
  phase: Phase = 'restoring';
  reason = 'events not read yet';

  /** `restoreTo`: first offset that was not readable in the events when the restore began. */
  constructor(deps: OwnerDeps, restoreTo: bigint) {
    this.#deps = deps;
    this.#restoreTo = restoreTo;
  }

  get nextCommandOffset(): bigint {
    return this.#state.lastCommandOffset + 1n;
  }

  /** First command whose decision is not in the log yet; undefined while that is not known. */
  get writtenThrough(): bigint | undefined {
    if (this.phase !== 'deciding') return undefined;
    return this.#pending[0]?.commandOffset ?? this.nextCommandOffset;
  }

  stop(reason: string, differs = false): void {
    if (this.phase === 'stopped') return;
    this.phase = 'stopped';
    this.reason = reason;
    this.#pending = [];
    this.#deps.onStopped(this.#deps.partition, reason, differs);
  }

  /** Forgets everything; the events are read again from the start up to `restoreTo`. */
  restoreAgain(restoreTo: bigint): void {
    this.#state = emptyState();
    this.#memory = new DecisionMemory(REMEMBERED);
    this.#restoreTo = restoreTo;
    this.checkRestored(0n);
  }

  /** The reader of commands now stands at this offset; an answer to a question that is out of date is ignored. */
  resume(nextCommandOffset: bigint): void {
    if (this.phase !== 'deciding' || nextCommandOffset !== this.nextCommandOffset) return;
    this.#contiguous = true;
    this.#asked = false;
  }

  /** Ends the restore when the events have been read up to `nextOffset`. */
  checkRestored(nextOffset: bigint): void {
    if (this.phase !== 'restoring' || this.#restoreTo === undefined || nextOffset < this.#restoreTo) return;
    this.phase = 'deciding';
    this.reason = '';
    this.#contiguous = false;
    this.#asked = true;
    this.#deps.onReadFrom(this.#deps.partition, this.nextCommandOffset);
  }

  /** Records of the own events partition: to restore from, later to compare with. */
  onEvents(batch: RecordBatch): void {
    if (this.phase === 'restoring' && this.#restoreTo === undefined) return;
    for (const record of batch.records) {
      if (this.phase === 'stopped') return;
      this.#onEvent(record);
    }
    this.checkRestored(batch.nextOffset);
  }

  /** Records of the commands partition. Those that come while restoring are dropped: they are read again after it. */
  onCommands(batch: RecordBatch): void {
    if (this.phase !== 'deciding' || !this.#contiguous) return;
    for (const record of batch.records) {
      if (record.offset <= this.#state.lastCommandOffset) continue;
      if (this.#pending.length >= MAX_PENDING) {
        this.#contiguous = false;
        break;
      }
      this.#decide(record);
      if (this.phase !== 'deciding') return;
    }
    this.#pump();
  }

  /** Resolves when nothing is outstanding or waiting to be sent. */
  async idle(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending;
  }

  #onEvent(record: InRecord): void {
    // A replay is written by an operator, for the projection: it decides nothing (S1).
    if (readReplay(record.headers) !== undefined) return;
    const decision = decodeDecision(record.value);
    if (decision === undefined) {
      this.stop(`event ${record.offset} is not a decision`);
      return;
    }
    const commandOffset = BigInt(decision.commandOffset);
    if (this.phase === 'restoring') {
      this.#restore(record.offset, decision);
    } else if (commandOffset > this.#state.lastCommandOffset || this.#memory.has(commandOffset)) {
      // A decision ahead of the own ones is kept: the own one is compared with it when it is made.
      this.#compare(decision);
    }
  }

  #restore(offset: bigint, decision: Decision): void {
    const commandOffset = BigInt(decision.commandOffset);
    const place = chain(this.#state, decision);
    if (place === 'gap') {
      const last = this.#state.lastCommandOffset;
      this.stop(
        `event ${offset} follows command ${decision.previousCommandOffset}, but the last decided one is ${last}`,
      );
      return;
    }
    if (place === 'next') apply(this.#state, decision);
    if (place === 'next' || this.#memory.has(commandOffset)) this.#compare(decision);
  }

  /** By what is decided, not by the bytes in the log: during an upgrade two owners may write two schemas. */
  #compare(decision: Decision): void {
    const commandOffset = BigInt(decision.commandOffset);
    if (this.#memory.compare(commandOffset, encodeDecision(decision, NEWEST_EVENT_SCHEMA)) !== 'differs')
      return;
    this.stop(`the log holds another decision of command ${commandOffset} than was made here`, true);
  }

  #decide(record: InRecord): void {
    const decision = decide(this.#state, record);
    apply(this.#state, decision);
    this.#compare(decision);
    const { eventSchema } = this.#deps;
    const value = encodeDecision(decision, eventSchema);
    const headers = eventHeaders(decision, eventSchema, traceparentOf(record.headers));
    this.#pending.push({
      commandOffset: record.offset,
      record: { key: record.key, value, headers },
      kind: decision.decision,
    });
  }

  #pump(): void {
    if (this.#sending !== undefined || this.#pending.length === 0) return;
    this.#sending = this.#drain().finally(() => {
      this.#sending = undefined;
      // What was decided while the last send ended.
      if (this.phase === 'deciding') this.#pump();
    });
  }

  async #drain(): Promise<void> {
    const { partition, produce, sendDeadlineMs } = this.#deps;
    while (this.#pending.length > 0) {
      const batch = this.#pending.slice(0, MAX_BATCH);
      try {
        const records = batch.map((each) => each.record);
        await produce.send({ topic: TOPICS.events, partition, records }, { deadlineMs: sendDeadlineMs });
      } catch (error) {
        if (this.phase === 'deciding') this.#reset(reasonOf(error));
        return;
      }
      if (this.phase !== 'deciding') return;
      this.#pending = this.#pending.slice(batch.length);
      for (const { kind } of batch) this.#deps.onDecided(kind);
      this.#catchUp();
    }
  }

  /** Commands were dropped because too many decisions waited: read on from the first that was not decided. */
  #catchUp(): void {
    if (this.#contiguous || this.#asked || this.#pending.length > MAX_PENDING / 2) return;
    this.#asked = true;
    this.#deps.onReadFrom(this.#deps.partition, this.nextCommandOffset);
  }

  #reset(reason: string): void {
    this.phase = 'restoring';
    this.#restoreTo = undefined;
    this.reason = `decisions could not be written: ${reason}`;
    this.#pending = [];
    this.#contiguous = false;
    this.#deps.onReset(this.#deps.partition, reason);
  }
}
