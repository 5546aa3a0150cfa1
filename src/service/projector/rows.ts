import type { Decision } from '../../contract/records.ts';

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

/** Collects the rows that decisions make: one per event id, one per reservation. */
export class RowFold {
  readonly operations = new Map<string, OperationRow>();
  readonly reservations: ReservationRow[] = [];
  readonly counts = new Map<Decision['decision'], number>();

  add(decision: Decision, partition: number, eventOffset: bigint): void {
    this.counts.set(decision.decision, (this.counts.get(decision.decision) ?? 0) + 1);
    if (decision.decision === 'repeated') this.#repeat(decision, partition, eventOffset);
    else if (decision.decision !== 'unparseable') this.#first(decision, partition, eventOffset);
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
