import type { AckTimes } from '../../load/timeline.ts';

/** How one write of a probe ended. `info`: it may stand or not; the store has not said that it does. */
export type ProbeOutcome = 'ok' | 'fail' | 'info';

export interface ProbeWrite {
  readonly id: string;
  readonly outcome: ProbeOutcome;
}

/** What every server of the store has of a probe, by name of the server; an id stands there as often as it was found. */
export interface ProbeReads {
  readonly servers: ReadonlyMap<string, readonly string[]>;
  /** Servers that could not be read, as sentences; they are absent above, never empty. */
  readonly troubles: readonly string[];
}

/**
 * Writes straight into a store while a drill runs, with the durability that the platform uses, and remembers what the
 * store acknowledged: what a store loses shows here even where the service has a log to write it again from.
 */
export interface Probe {
  /** "Postgres table uplift_probe". */
  readonly what: string;
  /** Acknowledgements, µs since the probe began; their partition is always 0. */
  readonly acks: AckTimes;
  atUs(monoNs: bigint): number;
  /** No further write; returns every write with its end. A second call answers the same. */
  stop(): Promise<readonly ProbeWrite[]>;
  /** Reads from every server of the store, once what was written had time to arrive. */
  finalReads(): Promise<ProbeReads>;
  /** `keep`: what it wrote stays as evidence. */
  close(options?: { readonly keep?: boolean }): Promise<void>;
}
