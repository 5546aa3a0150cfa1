/** Time as an effect: everything that waits or stamps takes a Clock. */
export interface Clock {
  /** Wall clock, ms since the epoch: for people and for comparing machines. */
  nowMs(): number;
  /** Monotonic clock, ns: for every duration. */
  monoNs(): bigint;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monoNs: () => process.hrtime.bigint(),
};
