import type { InRecord, Produce, RecordBatch } from '../../clients/kafka/ports.ts';
import { readReplay } from '../../contract/dead-letter.ts';
import type { EventSchema } from '../../contract/events.ts';
import { resourceKey } from '../../contract/ids.ts';
import type { Decision } from '../../contract/records.ts';
import { decodeDecision, encodeDecision, eventHeaders, traceparentOf } from '../domain/codec.ts';
import { decide } from '../domain/decide.ts';
import { advance, apply, chain, emptyState, type FoldState } from '../domain/state.ts';
import { DecisionMemory } from './memory.ts';
import { Outbox } from './outbox.ts';

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

const REMEMBERED = 2000;

/**
 * Owner of one partition: restores the fold from events, decides commands, writes the decisions with one outstanding
 * send, and compares everything that appears in the events with its own decisions (S1).
 */
export class PartitionOwner {
  readonly #deps: OwnerDeps;
  #state: FoldState = emptyState();
  #memory = new DecisionMemory(REMEMBERED);
  readonly #outbox: Outbox;
  /** Undefined: everything was forgotten, and where the events end now is not known yet. */
  #restoreTo: bigint | undefined;
  /** Whether the next command record that comes is the next one to decide; after a hole it is not, until a seek. */
  #contiguous = false;
  /** `onReadFrom` was called and not answered by `resume` yet. */
  #asked = false;
  /** First command that was not taken yet; beyond the last decided one after ticks with which nothing ended. */
  #takenTo = 0n;
  /** When the last command was taken, by `performance.now()`. */
  #takenAtMs = Number.NEGATIVE_INFINITY;
  phase: Phase = 'restoring';
  reason = 'events not read yet';

  /** `restoreTo`: first offset that was not readable in the events when the restore began. */
  constructor(deps: OwnerDeps, restoreTo: bigint) {
    this.#deps = deps;
    this.#restoreTo = restoreTo;
    const { partition, produce, sendDeadlineMs, onDecided } = deps;
    this.#outbox = new Outbox({
      ...{ partition, produce, sendDeadlineMs },
      onWritten: onDecided,
      onRoom: () => this.#catchUp(),
      onFailed: (reason) => this.#reset(reason),
    });
  }

  get nextCommandOffset(): bigint {
    return this.#state.lastCommandOffset + 1n;
  }

  /** First command whose decision is not in the log yet; undefined while that is not known. */
  get writtenThrough(): bigint | undefined {
    if (this.phase !== 'deciding') return undefined;
    if (this.#outbox.first !== undefined) return this.#outbox.first;
    return this.#takenTo > this.nextCommandOffset ? this.#takenTo : this.nextCommandOffset;
  }

  /** How long no command was taken; while it decides, ticks see to it that this stays short. */
  silentMs(nowMs: number): number {
    return nowMs - this.#takenAtMs;
  }

  /** Whether somebody waits for log time to pass. */
  get holds(): number {
    return this.#state.holds.size;
  }

  stop(reason: string, differs = false): void {
    if (this.phase === 'stopped') return;
    this.phase = 'stopped';
    this.reason = reason;
    this.#outbox.clear();
    this.#deps.onStopped(this.#deps.partition, reason, differs);
  }

  /** Forgets everything; the events are read again from the start up to `restoreTo`. */
  restoreAgain(restoreTo: bigint): void {
    this.#state = emptyState();
    this.#memory = new DecisionMemory(REMEMBERED);
    this.#takenTo = 0n;
    this.#restoreTo = restoreTo;
    this.checkRestored(0n);
  }

  /** The reader of commands now stands at this offset; an answer to a question that is out of date is ignored. */
  resume(nextCommandOffset: bigint): void {
    if (this.phase !== 'deciding' || nextCommandOffset !== this.nextCommandOffset) return;
    this.#contiguous = true;
    this.#asked = false;
    this.#takenAtMs = performance.now();
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
    this.#takenAtMs = performance.now();
    for (const record of batch.records) {
      if (record.offset <= this.#state.lastCommandOffset) continue;
      if (this.#outbox.isFull) {
        this.#contiguous = false;
        break;
      }
      this.#take(record);
      if (this.phase !== 'deciding') return;
    }
    this.#outbox.flush();
  }

  /** Resolves when nothing is outstanding or waiting to be sent. */
  idle(): Promise<void> {
    return this.#outbox.idle();
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

  /**
   * By what is decided, not by the bytes in the log: during an upgrade two owners may write two schemas, so decisions are
   * compared by what the oldest one says of them.
   */
  #compare(decision: Decision): void {
    const commandOffset = BigInt(decision.commandOffset);
    if (this.#memory.compare(commandOffset, encodeDecision(decision, 1)) !== 'differs') return;
    this.stop(`the log holds another decision of command ${commandOffset} than was made here`, true);
  }

  #take(record: InRecord): void {
    const outcome = decide(this.#state, record);
    if (outcome.kind === 'beyond') {
      this.stop(`command ${record.offset}: ${outcome.reason}`);
      return;
    }
    this.#takenTo = record.offset + 1n;
    if (outcome.kind === 'quiet') advance(this.#state, outcome.logTimeMs);
    else this.#decided(outcome.decision, record);
  }

  #decided(decision: Decision, { offset, key, headers }: InRecord): void {
    apply(this.#state, decision);
    this.#compare(decision);
    if (this.phase !== 'deciding') return;
    const { eventSchema } = this.#deps;
    const { reservation } = decision;
    const event = {
      // Events of one resource have one key, whatever the key of the command was.
      key: reservation === null ? key : Buffer.from(resourceKey(reservation.tenant, reservation.resource)),
      value: encodeDecision(decision, eventSchema),
      headers: eventHeaders(decision, eventSchema, traceparentOf(headers)),
    };
    this.#outbox.push({ commandOffset: offset, record: event, kind: decision.decision });
  }

  /** Commands were dropped because too many decisions waited: read on from the first that was not decided. */
  #catchUp(): void {
    if (this.#contiguous || this.#asked || this.#outbox.isHalfFull) return;
    this.#asked = true;
    this.#deps.onReadFrom(this.#deps.partition, this.nextCommandOffset);
  }

  #reset(reason: string): void {
    this.phase = 'restoring';
    this.#restoreTo = undefined;
    this.reason = `decisions could not be written: ${reason}`;
    this.#outbox.clear();
    this.#contiguous = false;
    this.#deps.onReset(this.#deps.partition, reason);
  }
}
