/** 2026-01-01T00:00:00Z: 41 bits of milliseconds from here last until 2095. */
export const SNOWFLAKE_EPOCH_MS = Date.UTC(2026, 0, 1);
const SEQUENCE_BITS = 12n;
const WORKER_BITS = 10n;
const LAST_SEQUENCE = 4095;

/** The clock is so far behind the last id that counting on would run into another process's future. */
export class ClockBehind extends Error {
  constructor(behindMs: number) {
    super(`The clock is ${behindMs} ms behind the last id that was issued`);
    this.name = 'ClockBehind';
  }
}

/** The next id would carry a time that nobody reserved for this process. */
export class BeyondReserve extends Error {
  constructor() {
    super('The time reserved for ids of this worker is used up');
    this.name = 'BeyondReserve';
  }
}

export interface SnowflakeOptions {
  /** 0 … 1023, unique among the processes that run at the same time. */
  readonly worker: number;
  readonly nowMs: () => number;
  /** How far ids may run ahead of the clock before issuing stops. */
  readonly maxAheadMs?: number;
  /** Ids up to this time (epoch ms) may have been given by somebody else: this one begins after it. */
  readonly afterMs?: number;
  /** The last time (epoch ms) that an id may carry, as of now. */
  readonly throughMs?: () => number;
}

/**
 * Ids of 41 bits time, 10 bits worker, 12 bits sequence; each is greater than the one before. When the clock goes back
 * it counts on from the last id, up to `maxAheadMs`, then throws ClockBehind until the clock has caught up: an id is
 * never given twice by one process. Across processes that share a worker it is `afterMs` and `throughMs` that keep their ids
 * apart (worker-lease.ts); without them, with a fixed worker, a restart relies on the clock.
 */
export function createSnowflake(options: SnowflakeOptions): () => bigint {
  const worker = BigInt(options.worker) << SEQUENCE_BITS;
  const maxAheadMs = options.maxAheadMs ?? 5000;
  const throughMs = options.throughMs ?? (() => Number.POSITIVE_INFINITY);
  let lastMs = options.afterMs === undefined ? -1 : options.afterMs - SNOWFLAKE_EPOCH_MS;
  let sequence = options.afterMs === undefined ? 0 : LAST_SEQUENCE;
  return () => {
    const nowMs = Math.floor(options.nowMs()) - SNOWFLAKE_EPOCH_MS;
    let ms = Math.max(nowMs, lastMs);
    let next = ms === lastMs ? sequence + 1 : 0;
    if (next > LAST_SEQUENCE) {
      ms += 1;
      next = 0;
    }
    if (ms - nowMs > maxAheadMs) throw new ClockBehind(ms - nowMs);
    if (ms + SNOWFLAKE_EPOCH_MS > throughMs()) throw new BeyondReserve();
    lastMs = ms;
    sequence = next;
    return (BigInt(ms) << (WORKER_BITS + SEQUENCE_BITS)) | worker | BigInt(next);
  };
}

/** The time that an id carries, epoch ms. */
export function snowflakeMs(id: bigint): number {
  return Number(id >> (WORKER_BITS + SEQUENCE_BITS)) + SNOWFLAKE_EPOCH_MS;
}
