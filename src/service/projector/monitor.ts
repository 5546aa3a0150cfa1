import type { RecordBatch } from '../../clients/kafka/ports.ts';
import type { ProjectionStatus } from '../../contract/http.ts';
import type { Position } from './fold.ts';

/** What is known of one partition beside its position. */
interface Seen {
  readonly endOffset: bigint;
  /** Of the last record that was applied; undefined before the first. */
  readonly appliedAtMs?: number | undefined;
  /** Of the first record in hand that is not applied; undefined while none is. */
  readonly waitingSinceMs?: number | undefined;
}

/** Counts at one moment, to tell rates from. */
interface Mark {
  readonly atMs: number;
  readonly applied: number;
  readonly behind: number;
}

export interface LagGauges {
  readonly projectionLagRecords: { set(value: number): void };
  readonly projectionLagMs: { set(value: number): void };
}

interface Lag {
  readonly lagRecords: number;
  /** Null: nothing tells how old what waits is. */
  readonly lagMs: number | null;
  readonly isExact: boolean;
}

/** Rates are those of the last minute. */
const WINDOW_MS = 60_000;
const MARK_EVERY_MS = 1000;

/**
 * How far the projection is, for people (`GET /v1/monitoring/reservations/projection`) and for the gauges. The age of
 * the oldest event that is not applied is exact while that event is in hand; else it is at most the time since the last
 * one applied, here or before this life, and is said to be so. Where nothing tells it, it is null and not 0.
 */
export class ProjectionMonitor {
  readonly #gauges: LagGauges;
  readonly #seen = new Map<number, Seen>();
  /** Where each partition is or stopped: one that cannot go on is behind all the same. */
  readonly #last = new Map<number, Position>();
  readonly #marks: Mark[] = [];
  #applied = 0;
  #lastError: { readonly atMs: number; readonly reason: string } | undefined;

  constructor(gauges: LagGauges) {
    this.#gauges = gauges;
  }

  /** The partition was seen to end here. */
  ends(partition: number, endOffset: bigint): void {
    this.#seen.set(partition, { ...this.#seen.get(partition), endOffset });
  }

  /** A batch is in hand. */
  read({ partition, records, highWatermark }: RecordBatch): void {
    const before = this.#seen.get(partition);
    const waitingSinceMs = before?.waitingSinceMs ?? records[0]?.timestampMs;
    this.#seen.set(partition, { ...before, endOffset: highWatermark, waitingSinceMs });
  }

  /** Batches were applied: nothing of them waits any more. */
  wrote(batches: readonly RecordBatch[]): void {
    for (const { partition, records, highWatermark } of batches) {
      this.#applied += records.length;
      const { endOffset = highWatermark, appliedAtMs } = this.#seen.get(partition) ?? {};
      this.#seen.set(partition, {
        endOffset,
        appliedAtMs: records.at(-1)?.timestampMs ?? appliedAtMs,
        waitingSinceMs: undefined,
      });
    }
  }

  failed(reason: string, atMs: number): void {
    this.#lastError = { atMs, reason };
  }

  /** Sets the gauges, and marks the moment for the rates. */
  measure(positions: ReadonlyMap<number, Position>, nowMs: number): void {
    const { lagRecords, lagMs } = this.#lag(positions, nowMs);
    this.#gauges.projectionLagRecords.set(lagRecords);
    this.#gauges.projectionLagMs.set(lagMs ?? Number.NaN);
    const last = this.#marks.at(-1);
    if (last !== undefined && nowMs - last.atMs < MARK_EVERY_MS) return;
    this.#marks.push({ atMs: nowMs, applied: this.#applied, behind: lagRecords });
    while ((this.#marks[0]?.atMs ?? nowMs) < nowMs - WINDOW_MS) this.#marks.shift();
  }

  /** As of now. `stopped`: partitions that cannot go on, and why. */
  status(
    positions: ReadonlyMap<number, Position>,
    stopped: ReadonlyMap<number, string>,
    nowMs: number,
  ): ProjectionStatus {
    const lag = this.#lag(positions, nowMs);
    const { appliedPerSecond, etaSeconds } = this.#rates(lag.lagRecords, nowMs);
    const partitions = [...positions]
      .toSorted(([a], [b]) => a - b)
      .map(([partition, position]) => ({
        partition,
        appliedOffset: position.nextOffset.toString(),
        endOffset: this.#endOf(partition, position).toString(),
        lagRecords: this.#behind(partition, position),
        decidedThrough: position.decidedThrough.toString(),
      }));
    const error = this.#lastError;
    return {
      lagRecords: lag.lagRecords,
      lagSeconds: lag.lagMs === null ? null : lag.lagMs / 1000,
      lagIsExact: lag.isExact,
      appliedPerSecond,
      etaSeconds,
      lastError:
        error === undefined ? null : { at: new Date(error.atMs).toISOString(), reason: error.reason },
      stopped: [...stopped].map(([partition, reason]) => ({ partition, reason })),
      partitions,
    };
  }

  #endOf(partition: number, { nextOffset }: Position): bigint {
    return this.#seen.get(partition)?.endOffset ?? nextOffset;
  }

  #behind(partition: number, position: Position): number {
    const end = this.#endOf(partition, position);
    return end > position.nextOffset ? Number(end - position.nextOffset) : 0;
  }

  #lag(positions: ReadonlyMap<number, Position>, nowMs: number): Lag {
    for (const [partition, position] of positions) this.#last.set(partition, position);
    const waits = [...this.#last].flatMap(([partition, position]) => {
      const records = this.#behind(partition, position);
      return records === 0 ? [] : [{ records, ...sinceOf(this.#seen.get(partition), position) }];
    });
    // A partition that never got going here: what waits in it nobody knows.
    const isUnknown = [...this.#seen.keys()].some((partition) => !this.#last.has(partition));
    const sinces = waits.map(({ sinceMs }) => sinceMs);
    const known = sinces.filter((sinceMs) => sinceMs !== undefined);
    const isTold = !isUnknown && known.length === sinces.length;
    return {
      lagRecords: waits.reduce((total, { records }) => total + records, 0),
      lagMs: isTold ? Math.max(0, nowMs - Math.min(nowMs, ...known)) : null,
      isExact: isTold && waits.every(({ isExact }) => isExact),
    };
  }

  /** Null: at this rate it does not catch up, or nobody can tell yet. */
  #rates(
    lagRecords: number,
    nowMs: number,
  ): { readonly appliedPerSecond: number; readonly etaSeconds: number | null } {
    const first = this.#marks[0];
    const seconds = first === undefined ? 0 : (nowMs - first.atMs) / 1000;
    if (first === undefined || seconds <= 0)
      return { appliedPerSecond: 0, etaSeconds: lagRecords === 0 ? 0 : null };
    const appliedPerSecond = (this.#applied - first.applied) / seconds;
    const closedPerSecond = (first.behind - lagRecords) / seconds;
    if (lagRecords === 0) return { appliedPerSecond, etaSeconds: 0 };
    return { appliedPerSecond, etaSeconds: closedPerSecond > 0 ? lagRecords / closedPerSecond : null };
  }
}

/**
 * Since when the oldest event of a partition has waited, at the earliest. The log time of a position is that of the command
 * behind the last applied event; 0 is how a position begins, before anything was applied.
 */
function sinceOf(seen: Seen | undefined, { logTimeMs }: Position) {
  const { waitingSinceMs, appliedAtMs } = seen ?? {};
  const sinceMs = waitingSinceMs ?? appliedAtMs ?? (logTimeMs > 0 ? logTimeMs : undefined);
  return { sinceMs, isExact: waitingSinceMs !== undefined };
}
