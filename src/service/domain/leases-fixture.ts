import type { Clocks, Grant, LeaseTerms } from './worker-lease.ts';

interface Row {
  readonly worker: number;
  holder: string | undefined;
  untilMs: number;
  floorMs: number;
  lastMs: number;
}

/** What the table of leases does, in memory and with a clock that a test can step. */
export class LeaseTable {
  readonly rows: Row[];
  readonly #terms: LeaseTerms;
  readonly #nowMs: () => number;

  constructor(workers: readonly number[], terms: LeaseTerms, nowMs: () => number) {
    this.rows = workers.map((worker) => ({ worker, holder: undefined, untilMs: 0, floorMs: 0, lastMs: 0 }));
    this.#terms = terms;
    this.#nowMs = nowMs;
  }

  acquire(holder: string): Grant | undefined {
    const nowMs = this.#nowMs();
    const own = this.rows.find((row) => row.holder === holder);
    if (own !== undefined) return this.#extend(own);
    const free = this.rows.find(
      (row) =>
        row.lastMs < nowMs && (row.holder === undefined || row.untilMs + this.#terms.quarantineMs < nowMs),
    );
    if (free === undefined) return undefined;
    free.holder = holder;
    free.floorMs = free.lastMs;
    return this.#extend(free);
  }

  renew(holder: string, worker: number): Grant | undefined {
    const row = this.rows.find((each) => each.worker === worker && each.holder === holder);
    return row === undefined ? undefined : this.#extend(row);
  }

  release(holder: string, worker: number, lastIssuedMs: number): void {
    const row = this.rows.find((each) => each.worker === worker && each.holder === holder);
    if (row !== undefined) Object.assign(row, { holder: undefined, lastMs: lastIssuedMs });
  }

  #extend(row: Row): Grant {
    const nowMs = this.#nowMs();
    const { leaseMs, aheadMs } = this.#terms;
    row.untilMs = nowMs + leaseMs;
    row.lastMs = Math.max(row.lastMs, nowMs + leaseMs + aheadMs);
    return { worker: row.worker, floorMs: row.floorMs, ceilingMs: row.lastMs, nowMs };
  }
}

/** The clocks of a process that has run since `startMs` of true time and was suspended for some of it. */
export function clocksAt(trueMs: number, startMs: number, asleepMs: number, wallStepMs: number): Clocks {
  return { monoMs: trueMs - startMs - asleepMs, wallMs: trueMs + wallStepMs };
}
