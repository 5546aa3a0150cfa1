/** One write straight into a store. */
export interface ProbeWrite {
  /** What stands in the store, readable there by hand. */
  readonly id: string;
  /** What is struck or spared as one: a shard, a partition, or the whole store. */
  readonly group: string;
  /** Monotonic clock. */
  readonly endedNs: bigint;
  /** `ok`: the store acknowledged it. `fail`: it certainly stands nowhere. `info`: nobody knows. */
  readonly outcome: 'ok' | 'fail' | 'info';
}

/** What one place that should have a whole group was found to have. */
export interface ProbeRead {
  /** A server, or a partition that was read to its end. */
  readonly place: string;
  readonly group: string;
  /** As often as they were found. */
  readonly ids: readonly string[];
}

export interface ProbeReads {
  readonly places: readonly ProbeRead[];
  /** What could not be read, as sentences: without it nothing can be said. */
  readonly unread: readonly string[];
}

/**
 * Writes beside the service, straight into one store and with the durability the platform uses there, while a drill
 * runs: a service that keeps its promises hides what its stores lose. Inert until `start`.
 */
export interface StoreProbe {
  /** "Redis". */
  readonly store: string;
  /** What an acknowledgement means, and how much is written: "SET without WAIT, 100/s over 3 shards". */
  readonly durability: string;
  /** Groups that the fault strikes. */
  readonly struck: ReadonlySet<string>;
  /** Resolves once writes go out. Throws when the store cannot be reached. */
  start(): Promise<void>;
  /** Those that have an outcome, in the order in which they got it. */
  writes(): readonly ProbeWrite[];
  /** No write is sent any more, and each that was has its outcome. */
  stop(): Promise<void>;
  /** What every place has of all that was written. */
  read(): Promise<ProbeReads>;
  /**
   * Takes away what it wrote, or leaves it where it is (`keep`) for somebody else to read, and ends. Never throws; may be
   * called without `start`, and again.
   */
  close(options?: { readonly keep?: boolean }): Promise<void>;
}
