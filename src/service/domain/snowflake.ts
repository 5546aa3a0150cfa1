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

export interface SnowflakeOptions {
  /** 0 … 1023, unique among the processes that run at the same time. */
  readonly worker: number;
  readonly nowMs: () => number;
  /** How far ids may run ahead of the clock before issuing stops. */
  readonly maxAheadMs?: number;
}

/**
 * Ids of 41 bits time, 10 bits worker, 12 bits sequence; each is greater than the one before. When the clock goes back
 * it counts on from the last id, up to `maxAheadMs`, then throws ClockBehind until the clock has caught up: an id is
 * never given twice by one process. Across a restart it relies on the clock (leased workers come with the complete service).
 */
export function createSnowflake(options: SnowflakeOptions): () => bigint {
  const worker = BigInt(options.worker) << SEQUENCE_BITS;
  const maxAheadMs = options.maxAheadMs ?? 5000;
  let lastMs = -1;
  let sequence = 0;
  return () => {
    const nowMs = Math.floor(options.nowMs()) - SNOWFLAKE_EPOCH_MS;
    let ms = Math.max(nowMs, lastMs);
    let next = ms === lastMs ? sequence + 1 : 0;
    if (next > LAST_SEQUENCE) {
      ms += 1;
      next = 0;
    }
    if (ms - nowMs > maxAheadMs) throw new ClockBehind(ms - nowMs);
    lastMs = ms;
    sequence = next;
    return (BigInt(ms) << (WORKER_BITS + SEQUENCE_BITS)) | worker | BigInt(next);
  };
}
