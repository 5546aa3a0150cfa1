import { type Decision, effectsOf, type ReservationState } from '../../contract/records.ts';
import { reservationKey } from './versions.ts';

export interface OperationRow {
  readonly tenant: string;
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

/** A reservation as these events leave it. */
export interface ReservationRow {
  readonly reservation: ReservationState;
  /** Version that stands in Postgres; 0: none, it is made here. */
  readonly before: number;
  /** The operation and the command that made it; of one that is only changed here these are not written. */
  readonly eventId: string | null;
  readonly partition: number;
  readonly commandOffset: bigint;
  /** The command of its last change. */
  readonly changedOffset: bigint;
}

/** A version that cannot follow what is there: an earlier event of its reservation is put aside. */
export interface MissingBefore {
  readonly reservation: ReservationState;
  readonly found: number;
}

/** Collects the rows that decisions make: one per event id, one per reservation. */
export class RowFold {
  readonly operations = new Map<string, OperationRow>();
  readonly reservations = new Map<string, ReservationRow>();
  readonly counts = new Map<Decision['decision'], number>();
  /** Effects that stand in Postgres already: a tripwire, never expected. */
  crossed = 0;
  readonly #versions: ReadonlyMap<string, number>;

  /** `versions`: of the reservations of `versionsWanted`, as they stand in Postgres. */
  constructor(versions: ReadonlyMap<string, number>) {
    this.#versions = versions;
  }

  /** The first effect whose predecessor is not here, if any: the decision has to be put aside. */
  missingBefore(decision: Decision): MissingBefore | undefined {
    for (const reservation of effectsOf(decision)) {
      const found = this.#versionOf(reservation);
      if (reservation.version > found + 1) return { reservation, found };
    }
    return undefined;
  }

  add(decision: Decision, partition: number, eventOffset: bigint): void {
    this.counts.set(decision.decision, (this.counts.get(decision.decision) ?? 0) + 1);
    if (decision.decision === 'repeated') this.#repeat(decision, partition, eventOffset);
    else if (decision.decision !== 'unparseable') this.#first(decision, partition, eventOffset);
  }

  /** Those effects of a decision that can follow what is there. */
  addEffects(decision: Decision, partition: number): void {
    const commandOffset = BigInt(decision.commandOffset);
    for (const reservation of effectsOf(decision)) {
      const found = this.#versionOf(reservation);
      if (reservation.version <= found) this.crossed += 1;
      if (reservation.version !== found + 1) continue;
      const key = reservationKey(reservation);
      const before = this.reservations.get(key) ?? {
        before: found,
        eventId: found === 0 ? decision.eventId : null,
        partition,
        commandOffset,
      };
      this.reservations.set(key, { ...before, reservation, changedOffset: commandOffset });
    }
  }

  #versionOf(reservation: ReservationState): number {
    const key = reservationKey(reservation);
    return this.reservations.get(key)?.reservation.version ?? this.#versions.get(key) ?? 0;
  }

  #first(decision: Decision, partition: number, eventOffset: bigint): void {
    this.addEffects(decision, partition);
    const { eventId, tenant, reservation, reason } = decision;
    // A tick or a change of rules: nobody asks what became of it.
    if (eventId === null || tenant === null) return;
    const row = {
      tenant,
      eventId,
      decision: decision.decision,
      reservationId: reservation?.id ?? null,
      reason,
    };
    this.operations.set(
      eventId,
      this.operations.get(eventId) ?? {
        ...row,
        partition,
        commandOffset: BigInt(decision.commandOffset),
        eventOffset,
        repeats: 0,
        isFirst: true,
      },
    );
  }

  #repeat(decision: Decision, partition: number, eventOffset: bigint): void {
    const { eventId, tenant, first, reservation } = decision;
    if (eventId === null || tenant === null || first === null) return;
    const before = this.operations.get(eventId);
    const row = before ?? {
      tenant,
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
