import type { RecordBatch } from '../../clients/kafka/ports.ts';
import type { Decision } from '../../contract/records.ts';
import { decodeDecision } from '../domain/codec.ts';

/** Where one events partition stands in Postgres. */
export interface Position {
  readonly nextOffset: bigint;
  /** Leader epoch of the record below `nextOffset`; -1 before the first record, or when no record was read there. */
  readonly leaderEpoch: number;
  /** Last command offset whose decision is applied; -1 before the first. */
  readonly decidedThrough: bigint;
  readonly logTimeMs: number;
}

export interface OperationRow {
  readonly eventId: string;
  readonly decision: string;
  readonly reservationId: string | null;
  readonly reason: string | null;
  readonly partition: number;
  readonly commandOffset: bigint;
  readonly eventOffset: bigint;
  readonly repeats: number;
  /** False for the trace of a `repeated` decision alone: its first one stands in the table already. */
  readonly isFirst: boolean;
}

export interface ReservationRow {
  readonly reservation: NonNullable<Decision['reservation']>;
  readonly eventId: string;
  readonly partition: number;
  readonly commandOffset: bigint;
}

/** Everything one transaction writes, with one row per key (two in one upsert are an error in Postgres). */
export interface Projection {
  /** By partition, ascending. */
  readonly moves: readonly { readonly partition: number; readonly from: Position; readonly to: Position }[];
  readonly operations: readonly OperationRow[];
  readonly reservations: readonly ReservationRow[];
  readonly counts: ReadonlyMap<Decision['decision'], number>;
  /** Records of decisions that were applied before: harmless. */
  readonly repeatedRecords: number;
  /** Partitions that cannot go on, and why. What stood before the trouble is in the rows. */
  readonly troubles: ReadonlyMap<number, string>;
}

/** Turns batches into rows, starting from what stands in Postgres. Pure. */
export function project(
  positions: ReadonlyMap<number, Position>,
  batches: readonly RecordBatch[],
): Projection {
  const folding = new Folding();
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
  const { operations, reservations, counts, repeatedRecords, troubles } = folding;
  return { moves, operations: [...operations.values()], reservations, counts, repeatedRecords, troubles };
}

class Folding {
  readonly operations = new Map<string, OperationRow>();
  readonly reservations: ReservationRow[] = [];
  readonly counts = new Map<Decision['decision'], number>();
  readonly troubles = new Map<number, string>();
  repeatedRecords = 0;

  take(batch: RecordBatch, start: Position): Position {
    let at = start;
    for (const record of batch.records) {
      if (record.offset < at.nextOffset) continue;
      const decision = decodeDecision(record.value);
      const trouble = decision === undefined ? 'not a decision' : gapBefore(decision, at);
      if (decision === undefined || trouble !== undefined) {
        this.troubles.set(batch.partition, `event ${record.offset}: ${trouble}`);
        return at;
      }
      at = { ...this.#apply(decision, batch.partition, record.offset, at), leaderEpoch: record.leaderEpoch };
    }
    if (batch.nextOffset <= at.nextOffset) return at;
    // What stood there was no record (control records, compaction) and may be of a newer epoch than the last record:
    // with that one's epoch the position would look cut off.
    return { ...at, nextOffset: batch.nextOffset, leaderEpoch: -1 };
  }

  #apply(decision: Decision, partition: number, eventOffset: bigint, at: Position): Position {
    const commandOffset = BigInt(decision.commandOffset);
    if (commandOffset <= at.decidedThrough) {
      this.repeatedRecords += 1;
      return { ...at, nextOffset: eventOffset + 1n };
    }
    this.counts.set(decision.decision, (this.counts.get(decision.decision) ?? 0) + 1);
    if (decision.decision === 'repeated') this.#repeat(decision, partition, eventOffset);
    else if (decision.decision !== 'unparseable') this.#first(decision, partition, eventOffset);
    const logTimeMs = Math.max(at.logTimeMs, decision.logTimeMs);
    return { ...at, nextOffset: eventOffset + 1n, decidedThrough: commandOffset, logTimeMs };
  }

  #first(decision: Decision, partition: number, eventOffset: bigint): void {
    const { eventId, reservation, reason } = decision;
    if (eventId === null) return;
    const commandOffset = BigInt(decision.commandOffset);
    const before = this.operations.get(eventId);
    const row = { eventId, decision: decision.decision, reservationId: reservation?.id ?? null, reason };
    this.operations.set(
      eventId,
      before ?? { ...row, partition, commandOffset, eventOffset, repeats: 0, isFirst: true },
    );
    if (reservation !== null) this.reservations.push({ reservation, eventId, partition, commandOffset });
  }

  #repeat(decision: Decision, partition: number, eventOffset: bigint): void {
    const { eventId, first, reservation } = decision;
    if (eventId === null || first === null) return;
    const before = this.operations.get(eventId);
    const row = before ?? {
      eventId,
      decision: first.decision,
      reservationId: reservation?.id ?? null,
      reason: null,
      partition,
      commandOffset: BigInt(first.commandOffset),
      eventOffset,
      repeats: 0,
      isFirst: false,
    };
    this.operations.set(eventId, { ...row, repeats: row.repeats + 1 });
  }
}

function gapBefore(decision: Decision, at: Position): string | undefined {
  if (BigInt(decision.commandOffset) <= at.decidedThrough) return undefined;
  if (BigInt(decision.previousCommandOffset) === at.decidedThrough) return undefined;
  return `follows command ${decision.previousCommandOffset}, but decisions are applied through ${at.decidedThrough}`;
}
