import type { InRecord, RecordBatch } from '../../clients/kafka/ports.ts';
import { type DeadLetter, type Origin, originKey } from '../../contract/dead-letter.ts';
import { type Decision, tenantOfKey } from '../../contract/records.ts';
import { otherCommands } from '../runtime/stored-position.ts';
import type { ReadBatch, ReadEvent } from './event.ts';
import { type OperationRow, type ReservationRow, RowFold } from './rows.ts';

/** Where one events partition stands in Postgres. */
export interface Position {
  readonly nextOffset: bigint;
  /** Leader epoch of the record below `nextOffset`; -1 before the first record, or when no record was read there. */
  readonly leaderEpoch: number;
  /** Last command offset whose decision is applied or put aside; -1 before the first. */
  readonly decidedThrough: bigint;
  /** Of the commands topic that `decidedThrough` is an offset of; null: no event has said it yet. */
  readonly commandsTopicId: string | null;
  readonly logTimeMs: number;
}

/** An event that is put aside instead of being applied. */
export interface Letter {
  readonly partition: number;
  readonly record: InRecord;
  /** Whose it is, from the decision or, where that cannot be read, from the record's key. */
  readonly tenant: string | null;
  readonly eventId: string | null;
  readonly commandOffset: bigint | null;
  /** Whose later events are put aside behind it; null where the event cannot be read, or makes and changes none. */
  readonly reservationId: string | null;
  readonly failure: Omit<DeadLetter, 'failedBy' | 'failedAtMs'>;
}

/** A replayed event: whether it applies is decided by what stands in Postgres (S11). */
export interface ReplayRow {
  readonly origin: Origin;
  readonly replayId: string;
  readonly attempt: number;
  readonly partition: number;
  readonly eventOffset: bigint;
  readonly decision: Decision;
}

/** Everything one transaction writes, with one row per key (two in one upsert are an error in Postgres). */
export interface Projection {
  /** By partition, ascending. */
  readonly moves: readonly { readonly partition: number; readonly from: Position; readonly to: Position }[];
  readonly operations: readonly OperationRow[];
  readonly reservations: readonly ReservationRow[];
  readonly letters: readonly Letter[];
  readonly replays: readonly ReplayRow[];
  readonly counts: ReadonlyMap<Decision['decision'], number>;
  /** Effects that stand in Postgres already although their event was not applied: a tripwire. */
  readonly crossed: number;
  /** Records of decisions that were applied before, second replays of one letter: harmless. */
  readonly repeatedRecords: number;
  /** Partitions that cannot go on, and why. What stood before the trouble is in the rows. */
  readonly troubles: ReadonlyMap<number, string>;
}

/** What stands in Postgres, as far as it decides what becomes of events. */
export interface Standing {
  readonly positions: ReadonlyMap<number, Position>;
  /** Versions of the reservations that `versionsWanted` names, by `reservationKey`. */
  readonly versions?: ReadonlyMap<string, number>;
  /** Why Postgres refused the rows of single events, as SQLSTATE, by `refusedKey`: they are put aside. */
  readonly refused?: ReadonlyMap<string, string>;
}

export const refusedKey = (partition: number, offset: bigint): string => `${partition}/${offset}`;

/** Turns events into rows, starting from what stands in Postgres. Pure. */
export function project(standing: Standing, batches: readonly ReadBatch[]): Projection {
  const { positions } = standing;
  const folding = new Folding(standing);
  const now = new Map<number, Position>();
  for (const read of batches) {
    const { partition } = read.batch;
    const at = now.get(partition) ?? positions.get(partition);
    if (at === undefined || folding.troubles.has(partition)) continue;
    now.set(partition, folding.take(read, at));
  }
  const moves = [...now]
    .toSorted(([a], [b]) => a - b)
    .flatMap(([partition, to]) => {
      const from = positions.get(partition);
      return from === undefined || from.nextOffset === to.nextOffset ? [] : [{ partition, from, to }];
    });
  return { moves, ...folding.result() };
}

class Folding {
  readonly troubles = new Map<number, string>();
  readonly #refused: ReadonlyMap<string, string>;
  readonly #rows: RowFold;
  /** By origin: a letter that is put aside twice in one batch keeps its last attempt. */
  readonly #letters = new Map<string, Letter>();
  /** By origin: the first replay of a letter decides, further ones change nothing. */
  readonly #replays = new Map<string, ReplayRow>();
  #repeatedRecords = 0;

  constructor({ versions = new Map(), refused = new Map() }: Standing) {
    this.#rows = new RowFold(versions);
    this.#refused = refused;
  }

  result(): Omit<Projection, 'moves'> {
    const { operations, reservations, counts, crossed } = this.#rows;
    return {
      operations: [...operations.values()],
      reservations: [...reservations.values()],
      counts,
      crossed,
      letters: [...this.#letters.values()],
      replays: [...this.#replays.values()],
      repeatedRecords: this.#repeatedRecords,
      troubles: this.troubles,
    };
  }

  take({ batch, events }: ReadBatch, start: Position): Position {
    let at = start;
    for (const { record, event } of events) {
      if (record.offset < at.nextOffset) continue;
      const trouble = troubleAt(event, at);
      if (trouble !== undefined) {
        this.troubles.set(batch.partition, `event ${record.offset} ${trouble}`);
        return at;
      }
      const taken = this.#one(event, batch, record, at);
      at = { ...taken, nextOffset: record.offset + 1n, leaderEpoch: record.leaderEpoch };
    }
    if (batch.nextOffset <= at.nextOffset) return at;
    // What stood there was no record (control records, compaction) and may be of a newer epoch than the last record:
    // with that one's epoch the position would look cut off.
    return { ...at, nextOffset: batch.nextOffset, leaderEpoch: -1 };
  }

  /** Takes one event; answers how far which commands are decided after it. A replay never moves that (S1). */
  #one(event: ReadEvent, batch: RecordBatch, record: InRecord, at: Position): Position {
    const { link, replay } = event;
    if (replay === undefined && link !== undefined && link.commandOffset <= at.decidedThrough) {
      this.#repeatedRecords += 1;
      return at;
    }
    const failure = this.#failureOf(event, batch.partition, record.offset);
    if (failure !== undefined) {
      const letter = letterOf(event, failure, batch, record);
      this.#letters.set(originKey(letter.failure.origin), letter);
    }
    if (replay !== undefined) {
      if (failure === undefined && event.kind === 'decision') {
        const { decision } = event;
        this.#replay({ ...replay, decision, partition: batch.partition, eventOffset: record.offset });
      }
      return at;
    }
    if (link === undefined) return at;
    const commandsTopicId = at.commandsTopicId ?? event.commandsTopicId;
    const decided = { ...at, decidedThrough: link.commandOffset, commandsTopicId };
    if (event.kind === 'unreadable') return decided;
    const { decision } = event;
    // Of a tick whose event is put aside for one hold, the others end all the same.
    if (failure === undefined) this.#rows.add(decision, batch.partition, record.offset);
    else if (failure.code === BEHIND) this.#rows.addEffects(decision, batch.partition);
    const logTimeMs = Math.max(at.logTimeMs, decision.logTimeMs);
    return { ...decided, logTimeMs };
  }

  /** Why an event cannot be applied and has to be put aside; undefined: it can. */
  #failureOf(event: ReadEvent, partition: number, offset: bigint): Failure | undefined {
    if (event.kind === 'unreadable') return event;
    // Asked of every event, and hardly ever is one refused: then no key is made.
    const state = this.#refused.size === 0 ? undefined : this.#refused.get(refusedKey(partition, offset));
    if (state !== undefined)
      return { code: `sqlstate-${state}`, message: `Postgres refuses its row (SQLSTATE ${state})` };
    if (event.replay !== undefined) return undefined;
    const missing = this.#rows.missingBefore(event.decision);
    if (missing === undefined) return undefined;
    const { reservation, found } = missing;
    const message = `it makes version ${reservation.version} of ${reservation.id}, and version ${found} is here: an earlier event of it is put aside`;
    return { code: BEHIND, message, reservationId: reservation.id };
  }

  #replay({ id, ...row }: Omit<ReplayRow, 'replayId'> & { readonly id: string }): void {
    const key = originKey(row.origin);
    if (this.#replays.has(key)) this.#repeatedRecords += 1;
    else this.#replays.set(key, { ...row, replayId: id });
  }
}

/** Code of an event whose reservation has an earlier one among the dead letters (S11). */
export const BEHIND = 'behind-a-dead-letter';

interface Failure {
  readonly code: string;
  readonly message: string;
  readonly reservationId?: string;
}

function letterOf(
  event: ReadEvent,
  { code, message, reservationId }: Failure,
  { topic, topicId, partition }: RecordBatch,
  record: InRecord,
): Letter {
  const { replay, link } = event;
  const here: Origin = { topic, topicId, partition, offset: record.offset, timestampMs: record.timestampMs };
  return {
    partition,
    record,
    tenant: (event.kind === 'decision' ? event.decision.tenant : null) ?? tenantOfKey(record.key),
    eventId: event.kind === 'decision' ? event.decision.eventId : event.eventId,
    commandOffset: link?.commandOffset ?? null,
    reservationId:
      reservationId ?? (event.kind === 'decision' ? (event.decision.reservation?.id ?? null) : null),
    failure: {
      origin: replay?.origin ?? here,
      attempt: (replay?.attempt ?? 0) + 1,
      errorCode: code,
      errorMessage: message,
    },
  };
}

/**
 * Why this event cannot follow what is applied, or undefined. A replay carries the headers of its original decision and is no
 * part of the chain, nor is a record without a link.
 */
function troubleAt({ link, commandsTopicId, replay }: ReadEvent, at: Position): string | undefined {
  if (replay !== undefined || link === undefined) return undefined;
  // First: to a chain of other commands, "decided before" and "next" are said of numbers that have nothing in common.
  const other = otherCommands(commandsTopicId, at.commandsTopicId, 'what is applied was decided from');
  if (other !== undefined) return other;
  if (link.commandOffset <= at.decidedThrough) return undefined;
  if (link.previousCommandOffset === at.decidedThrough) return undefined;
  return `follows command ${link.previousCommandOffset}, but decisions are applied through ${at.decidedThrough}`;
}
