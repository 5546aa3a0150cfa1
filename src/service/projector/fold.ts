import type { InRecord, RecordBatch } from '../../clients/kafka/ports.ts';
import { type DeadLetter, type Origin, originKey } from '../../contract/dead-letter.ts';
import { type EventSchema, NEWEST_EVENT_SCHEMA } from '../../contract/events.ts';
import type { Decision } from '../../contract/records.ts';
import { type Link, type ReadEvent, readEvent } from './event.ts';
import { type OperationRow, type ReservationRow, RowFold } from './rows.ts';

/** Where one events partition stands in Postgres. */
export interface Position {
  readonly nextOffset: bigint;
  /** Leader epoch of the record below `nextOffset`; -1 before the first record, or when no record was read there. */
  readonly leaderEpoch: number;
  /** Last command offset whose decision is applied or put aside; -1 before the first. */
  readonly decidedThrough: bigint;
  readonly logTimeMs: number;
}

/** An event that is put aside instead of being applied. */
export interface Letter {
  readonly partition: number;
  readonly record: InRecord;
  readonly eventId: string | null;
  readonly commandOffset: bigint | null;
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
  readonly version: number;
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
  /** Records of decisions that were applied before, second replays of one letter: harmless. */
  readonly repeatedRecords: number;
  /** Partitions that cannot go on, and why. What stood before the trouble is in the rows. */
  readonly troubles: ReadonlyMap<number, string>;
}

/** Turns batches into rows, starting from what stands in Postgres, knowing event schemas up to `newest`. Pure. */
export function project(
  positions: ReadonlyMap<number, Position>,
  batches: readonly RecordBatch[],
  newest: EventSchema = NEWEST_EVENT_SCHEMA,
): Projection {
  const folding = new Folding(newest);
  const now = new Map<number, Position>();
  for (const batch of batches) {
    const at = now.get(batch.partition) ?? positions.get(batch.partition);
    if (at === undefined || folding.troubles.has(batch.partition)) continue;
    now.set(batch.partition, folding.take(batch, at));
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
  readonly #newest: EventSchema;
  readonly #rows = new RowFold();
  /** By origin: a letter that is put aside twice in one batch keeps its last attempt. */
  readonly #letters = new Map<string, Letter>();
  /** By origin: the first replay of a letter decides, further ones change nothing. */
  readonly #replays = new Map<string, ReplayRow>();
  #repeatedRecords = 0;

  constructor(newest: EventSchema) {
    this.#newest = newest;
  }

  result(): Omit<Projection, 'moves'> {
    const { operations, reservations, counts } = this.#rows;
    return {
      operations: [...operations.values()],
      reservations,
      counts,
      letters: [...this.#letters.values()],
      replays: [...this.#replays.values()],
      repeatedRecords: this.#repeatedRecords,
      troubles: this.troubles,
    };
  }

  take(batch: RecordBatch, start: Position): Position {
    let at = start;
    for (const record of batch.records) {
      if (record.offset < at.nextOffset) continue;
      const event = readEvent(record, this.#newest);
      const trouble = event.replay === undefined ? gapBefore(event.link, at) : undefined;
      if (trouble !== undefined) {
        this.troubles.set(batch.partition, `event ${record.offset}: ${trouble}`);
        return at;
      }
      const { decidedThrough, logTimeMs } = this.#one(event, batch, record, at);
      at = { nextOffset: record.offset + 1n, leaderEpoch: record.leaderEpoch, decidedThrough, logTimeMs };
    }
    if (batch.nextOffset <= at.nextOffset) return at;
    // What stood there was no record (control records, compaction) and may be of a newer epoch than the last record:
    // with that one's epoch the position would look cut off.
    return { ...at, nextOffset: batch.nextOffset, leaderEpoch: -1 };
  }

  /** Takes one event; answers how far commands are decided after it. A replay never moves that (S1). */
  #one(event: ReadEvent, batch: RecordBatch, record: InRecord, at: Position): Position {
    const { link, replay } = event;
    if (replay === undefined && link !== undefined && link.commandOffset <= at.decidedThrough) {
      this.#repeatedRecords += 1;
      return at;
    }
    if (event.kind === 'unreadable') {
      const letter = letterOf(event, batch, record);
      this.#letters.set(originKey(letter.failure.origin), letter);
      const moves = replay === undefined && link !== undefined;
      return moves ? { ...at, decidedThrough: link.commandOffset } : at;
    }
    const { decision, version } = event;
    if (replay !== undefined) {
      this.#replay({ ...replay, decision, version, partition: batch.partition, eventOffset: record.offset });
      return at;
    }
    this.#rows.add(decision, batch.partition, record.offset);
    const logTimeMs = Math.max(at.logTimeMs, decision.logTimeMs);
    return { ...at, decidedThrough: event.link.commandOffset, logTimeMs };
  }

  #replay({ id, ...row }: Omit<ReplayRow, 'replayId'> & { readonly id: string }): void {
    const key = originKey(row.origin);
    if (this.#replays.has(key)) this.#repeatedRecords += 1;
    else this.#replays.set(key, { ...row, replayId: id });
  }
}

function letterOf(
  event: Extract<ReadEvent, { kind: 'unreadable' }>,
  { topic, topicId, partition }: RecordBatch,
  record: InRecord,
): Letter {
  const { replay, eventId, link, code, message } = event;
  const here: Origin = { topic, topicId, partition, offset: record.offset, timestampMs: record.timestampMs };
  return {
    partition,
    record,
    eventId,
    commandOffset: link?.commandOffset ?? null,
    failure: {
      origin: replay?.origin ?? here,
      attempt: (replay?.attempt ?? 0) + 1,
      errorCode: code,
      errorMessage: message,
    },
  };
}

/** Why this event cannot follow what is applied, or undefined. A record without a link is no part of the chain. */
function gapBefore(link: Link | undefined, at: Position): string | undefined {
  if (link === undefined || link.commandOffset <= at.decidedThrough) return undefined;
  if (link.previousCommandOffset === at.decidedThrough) return undefined;
  return `follows command ${link.previousCommandOffset}, but decisions are applied through ${at.decidedThrough}`;
}
