import type { InRecord, OutRecord, Produce } from '../../clients/kafka/ports.ts';
import type { EventSchema } from '../../contract/events.ts';
import { resourceKey } from '../../contract/ids.ts';
import { type CommandType, type Decision, type DecisionKind, TOPICS } from '../../contract/records.ts';
import { reasonOf, UpliftError } from '../../core/error.ts';
import { encodeDecision, eventHeaders, traceparentOf } from '../domain/codec.ts';
import type { Sending } from '../telemetry/messaging.ts';

/** A decision on its way into the events. */
export interface Outgoing {
  readonly commandOffset: bigint;
  readonly record: OutRecord;
  readonly kind: DecisionKind;
  readonly command: CommandType | null;
  /** Its span, when its trace is recorded. */
  readonly sending?: Sending | undefined;
}

/** How events are written. */
export interface Writing {
  /** Schema the events are written in; all are read. */
  readonly eventSchema: EventSchema;
  /** Of the commands topic as it is now: what is decided is read from there. */
  readonly commandsTopicId: string;
}

/** The decision of a command as its event. */
export function outgoingOf(
  decision: Decision,
  { offset, key, headers }: InRecord,
  { eventSchema: schema, commandsTopicId }: Writing,
  sending?: Sending,
): Outgoing {
  const { reservation } = decision;
  const trace = sending === undefined ? traceparentOf(headers) : Buffer.from(sending.traceparent, 'utf8');
  const record = {
    // Events of one resource have one key, whatever the key of the command was.
    key: reservation === null ? key : Buffer.from(resourceKey(reservation.tenant, reservation.resource)),
    value: encodeDecision(decision, schema),
    headers: eventHeaders(decision, schema, trace, commandsTopicId),
  };
  return { commandOffset: offset, record, kind: decision.decision, command: decision.command, sending };
}

export interface OutboxDeps {
  readonly partition: number;
  readonly produce: Pick<Produce, 'send'>;
  readonly sendDeadlineMs: number;
  readonly onWritten: (kind: DecisionKind, command: CommandType | null) => void;
  /** There is room again: called after each batch that was written. */
  readonly onRoom: () => void;
  /** A send failed for good. What waits behind it is not sent: call `clear`. */
  readonly onFailed: (reason: string) => void;
}

const MAX_BATCH = 500;
const MAX_WAITING = 5000;
/** Of the span of a decision that was forgotten before Kafka had it for certain. */
const NOT_WRITTEN = new UpliftError('UPL-KAFKA-PRODUCE', { message: 'The decision was forgotten.' });

/** Writes the decisions of one partition in order, in batches, with one send outstanding (S15). */
export class Outbox {
  readonly #deps: OutboxDeps;
  #waiting: Outgoing[] = [];
  #sending: Promise<void> | undefined;
  /** Raised by `clear`: the end of a send that began before it means nothing any more. */
  #epoch = 0;

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
  }

  get isFull(): boolean {
    return this.#waiting.length >= MAX_WAITING;
  }

  get isHalfFull(): boolean {
    return this.#waiting.length > MAX_WAITING / 2;
  }

  /** The first command whose decision is not acknowledged. */
  get first(): bigint | undefined {
    return this.#waiting[0]?.commandOffset;
  }

  push(outgoing: Outgoing): void {
    this.#waiting.push(outgoing);
  }

  /** Forgets what waits. */
  clear(): void {
    for (const { sending } of this.#waiting) sending?.failed(NOT_WRITTEN);
    this.#waiting = [];
    this.#epoch += 1;
  }

  /** Sends what waits, unless a send is under way: then it follows. */
  flush(): void {
    if (this.#sending !== undefined || this.#waiting.length === 0) return;
    this.#sending = this.#drain(this.#epoch).finally(() => {
      this.#sending = undefined;
      // What was pushed while the last send ended.
      this.flush();
    });
  }

  /** Resolves when nothing is outstanding or waiting to be sent. */
  async idle(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending;
  }

  async #drain(epoch: number): Promise<void> {
    const { partition, produce, sendDeadlineMs, onWritten, onRoom, onFailed } = this.#deps;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, MAX_BATCH);
      let baseOffset: bigint;
      try {
        const records = batch.map((each) => each.record);
        const events = { topic: TOPICS.events, partition, records };
        ({ baseOffset } = await produce.send(events, { deadlineMs: sendDeadlineMs }));
      } catch (error) {
        if (epoch === this.#epoch) onFailed(reasonOf(error));
        return;
      }
      if (epoch !== this.#epoch) return;
      this.#waiting = this.#waiting.slice(batch.length);
      for (const [at, { kind, command, sending }] of batch.entries()) {
        sending?.acknowledged(baseOffset + BigInt(at));
        onWritten(kind, command);
      }
      onRoom();
    }
  }
}
