import type { InRecord, RecordBatch } from '../../clients/kafka/ports.ts';
import { readReplay } from '../../contract/dead-letter.ts';
import type { Decision } from '../../contract/records.ts';
import { NEWEST_RULES } from '../../contract/rules.ts';
import { decodeDecision } from '../domain/codec.ts';
import { decide } from '../domain/decide.ts';
import { unknownRules } from '../domain/rules.ts';
import { captureOf } from '../domain/snapshot.ts';
import { advance, apply, chain, emptyState, type FoldState } from '../domain/state.ts';
import { type Base, type CoveredCapture, emptyBase } from './base.ts';
import { Outbox, outgoingOf } from './outbox.ts';
import type { OwnerDeps, Phase } from './owner.ts';
import type { Covered } from './snapshots/policy.ts';
import { EventTail } from './tail.ts';

/**
 * Owner of one partition: restores the fold from a base and the events after it, decides commands, writes the decisions
 * with one outstanding send, and compares everything that appears in the events with its own decisions (S1).
 */
export class PartitionOwner {
  readonly #deps: OwnerDeps;
  #state: FoldState = emptyState();
  #tail: EventTail;
  readonly #outbox: Outbox;
  /** Undefined: nothing to begin from yet, or everything was forgotten. */
  #restoreTo: bigint | undefined;
  /** Whether the next command record that comes is the next one to decide; after a hole it is not, until a seek. */
  #contiguous = false;
  /** `onReadFrom` was called and not answered by `resume` yet. */
  #asked = false;
  /** First command that was not taken yet; beyond the last decided one after ticks with which nothing ended. */
  #takenTo = 0n;
  /** Epoch of the last command taken in this life; undefined: none was. */
  #takenEpoch: number | undefined;
  /** When the last command was taken, by `performance.now()`. */
  #takenAtMs = Number.NEGATIVE_INFINITY;
  /** Decisions made or restored since the base. */
  #decisions = 0;
  phase: Phase = 'restoring';
  reason = 'events not read yet';

  constructor(deps: OwnerDeps) {
    this.#deps = deps;
    this.#tail = new EventTail(emptyBase(), deps.commandsTopicId);
    const { partition, produce, sendDeadlineMs, onDecided } = deps;
    this.#outbox = new Outbox({
      ...{ partition, produce, sendDeadlineMs },
      onWritten: onDecided,
      onRoom: () => this.#catchUp(),
      onFailed: (reason) => this.#reset(reason),
    });
  }

  /** Below the last decided command there may be nothing, above it ticks that were taken already. */
  get nextCommandOffset(): bigint {
    const afterDecided = this.#state.lastCommandOffset + 1n;
    return this.#takenTo > afterDecided ? this.#takenTo : afterDecided;
  }

  /** First command whose decision is not in the log yet; undefined while that is not known. */
  get writtenThrough(): bigint | undefined {
    return this.phase === 'deciding' ? (this.#outbox.first ?? this.nextCommandOffset) : undefined;
  }

  /** How long no command was taken; while it decides, ticks see to it that this stays short. */
  silentMs(nowMs: number): number {
    return nowMs - this.#takenAtMs;
  }

  /** Whether somebody waits for log time to pass. */
  get holds(): number {
    return this.#state.holds.size;
  }

  /** What a snapshot of now would cover. */
  get covered(): Covered {
    const { logTimeMs } = this.#state;
    return { decisions: this.#decisions, nextCommandOffset: this.nextCommandOffset, logTimeMs };
  }

  /**
   * Takes the state as it is now, and resolves when every decision it covers was read back from the log; with undefined
   * when that will not be seen, or there is nothing to take.
   */
  async capture(): Promise<CoveredCapture | undefined> {
    if (this.phase !== 'deciding' || this.#takenEpoch === undefined) return undefined;
    const { covered } = this;
    const capture = captureOf(this.#state);
    const commands = { nextOffset: covered.nextCommandOffset, leaderEpoch: this.#takenEpoch };
    const events = await this.#tail.covering(capture.lastCommandOffset);
    return events === undefined ? undefined : { capture, covered, commands, events };
  }

  stop(reason: string, differs = false): void {
    if (this.phase === 'stopped') return;
    this.phase = 'stopped';
    this.reason = reason;
    this.#outbox.clear();
    this.#tail.end();
    this.#deps.onStopped(this.#deps.partition, reason, differs);
  }

  /** Begins from this base, whatever was before; the events are read from its position up to `restoreTo`. */
  restore(base: Base, restoreTo: bigint): void {
    this.#tail.end();
    this.#state = base.state;
    this.#tail = new EventTail(base, this.#deps.commandsTopicId);
    this.#takenTo = base.nextCommandOffset;
    this.#takenEpoch = undefined;
    this.#decisions = 0;
    this.#restoreTo = restoreTo;
    this.checkRestored(base.events.nextOffset);
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
    this.#tail.readTo(batch.nextOffset);
    this.checkRestored(batch.nextOffset);
  }

  /** Records of the commands partition. Those that come while restoring are dropped: they are read again after it. */
  onCommands(batch: RecordBatch): void {
    if (this.phase !== 'deciding' || !this.#contiguous) return;
    this.#takenAtMs = performance.now();
    for (const record of batch.records) {
      if (record.offset < this.nextCommandOffset) continue;
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

  /** Nothing more will be read: whoever waits for it is told, and what is in hand is written. */
  end(): Promise<void> {
    this.#tail.end();
    return this.#outbox.idle();
  }

  #onEvent(record: InRecord): void {
    // A replay is written by an operator, for the projection: it decides nothing (S1).
    if (readReplay(record.headers) !== undefined) {
      this.#tail.pass(record);
      return;
    }
    const decision = decodeDecision(record.value);
    if (decision === undefined) {
      this.stop(`event ${record.offset} is not a decision`);
      return;
    }
    const trouble = this.#tail.see(record, decision);
    if (trouble !== undefined) {
      this.stop(trouble);
      return;
    }
    const commandOffset = BigInt(decision.commandOffset);
    if (this.phase === 'restoring') this.#restoreFrom(record.offset, decision);
    // A decision ahead of the own ones is kept: the own one is compared with it when it is made.
    else if (commandOffset > this.#state.lastCommandOffset || this.#tail.knows(commandOffset))
      this.#compare(decision);
  }

  #restoreFrom(offset: bigint, decision: Decision): void {
    if (decision.rulesVersion > NEWEST_RULES) {
      this.stop(`event ${offset}: ${unknownRules(decision.rulesVersion)}`);
      return;
    }
    const isNext = chain(this.#state, decision) === 'next';
    if (isNext) this.#apply(decision);
    if (isNext || this.#tail.knows(BigInt(decision.commandOffset))) this.#compare(decision);
  }

  #apply(decision: Decision): void {
    apply(this.#state, decision);
    this.#decisions += 1;
  }

  #compare(decision: Decision): void {
    if (!this.#tail.differs(decision)) return;
    this.stop(`the log holds another decision of command ${decision.commandOffset} than was made here`, true);
  }

  #take(record: InRecord): void {
    const outcome = decide(this.#state, record);
    if (outcome.kind === 'beyond') {
      this.stop(`command ${record.offset}: ${outcome.reason}`);
      return;
    }
    this.#takenTo = record.offset + 1n;
    this.#takenEpoch = record.leaderEpoch;
    if (outcome.kind === 'quiet') advance(this.#state, outcome.logTimeMs);
    else this.#decided(outcome.decision, record);
  }

  #decided(decision: Decision, record: InRecord): void {
    this.#apply(decision);
    this.#compare(decision);
    if (this.phase !== 'deciding') return;
    const sending = this.#deps.onDecision?.(decision, record);
    this.#outbox.push(outgoingOf(decision, record, this.#deps, sending));
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
    this.#tail.end();
    this.#contiguous = false;
    this.#deps.onReset(this.#deps.partition, reason);
  }
}
