import type { InRecord } from '../../clients/kafka/ports.ts';
import type { Decision } from '../../contract/records.ts';
import { commandsTopicIdOf, encodeDecision } from '../domain/codec.ts';
import { otherCommands, type StoredPosition } from '../runtime/stored-position.ts';
import type { Base } from './base.ts';
import { DecisionMemory } from './memory.ts';

const REMEMBERED = 2000;

interface Waiting {
  readonly commandOffset: bigint;
  readonly resolve: (position: StoredPosition | undefined) => void;
}

/**
 * What the events of one partition say, in their own order: how far the chain of first decisions goes, and where; whether
 * a decision is the one that was made here. Knows for a state where in the log the events begin that it does not cover.
 */
export class EventTail {
  readonly #memory = new DecisionMemory(REMEMBERED);
  readonly #commandsTopicId: string;
  /** Last command with a decision in the log. */
  #command: bigint;
  /** Everything before it is covered by the decisions up to `#command`. */
  #position: StoredPosition;
  #waiting: Waiting | undefined;

  /** `commandsTopicId` is that of today's topic. */
  constructor({ state, events }: Base, commandsTopicId: string) {
    this.#command = state.lastCommandOffset;
    this.#position = events;
    this.#commandsTopicId = commandsTopicId;
  }

  /** A record that decides nothing: a replay. */
  pass({ offset, leaderEpoch }: InRecord): void {
    this.#position = { nextOffset: offset + 1n, leaderEpoch };
  }

  /** The decision in a record; why it cannot stand there, or undefined. */
  see(record: InRecord, decision: Decision): string | undefined {
    const decidedFrom = commandsTopicIdOf(record.headers);
    const trouble = otherCommands(decidedFrom, this.#commandsTopicId, 'the topic is');
    if (trouble !== undefined) return `event ${record.offset} ${trouble}`;
    const commandOffset = BigInt(decision.commandOffset);
    if (commandOffset > this.#command) {
      if (BigInt(decision.previousCommandOffset) !== this.#command)
        return `event ${record.offset} follows command ${decision.previousCommandOffset}, but the last decided one is ${this.#command}`;
      this.#command = commandOffset;
    }
    this.pass(record);
    this.#settle();
    return undefined;
  }

  /** The log was read up to here. What stood between was no record and may be of a newer epoch than the last one. */
  readTo(nextOffset: bigint): void {
    if (nextOffset > this.#position.nextOffset) this.#position = { nextOffset, leaderEpoch: -1 };
  }

  /**
   * Where the events begin that the decisions up to this command do not cover, once the log was read so far; undefined
   * when that was passed already (somebody else decided ahead), or will not be seen any more. One may wait at a time.
   */
  covering(commandOffset: bigint): Promise<StoredPosition | undefined> {
    const { promise, resolve } = Promise.withResolvers<StoredPosition | undefined>();
    this.#waiting?.resolve(undefined);
    this.#waiting = { commandOffset, resolve };
    this.#settle();
    return promise;
  }

  /** Nothing will be seen any more. */
  end(): void {
    this.#waiting?.resolve(undefined);
    this.#waiting = undefined;
  }

  /** Whether this command's decision was made here or seen in the log, not too long ago. */
  knows(commandOffset: bigint): boolean {
    return this.#memory.has(commandOffset);
  }

  /**
   * Whether this is another decision than the one known of its command; the first one is kept. By what is decided, not by
   * the bytes in the log: during an upgrade two owners may write two schemas, so decisions are compared by what the oldest
   * one says of them.
   */
  differs(decision: Decision): boolean {
    const bytes = encodeDecision(decision, 1);
    return this.#memory.compare(BigInt(decision.commandOffset), bytes, this.#command) === 'differs';
  }

  #settle(): void {
    if (this.#waiting === undefined || this.#command < this.#waiting.commandOffset) return;
    this.#waiting.resolve(this.#command === this.#waiting.commandOffset ? this.#position : undefined);
    this.#waiting = undefined;
  }
}
