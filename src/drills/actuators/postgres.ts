/** What one server says of itself, or why it says nothing. Positions are `X/Y` as Postgres prints them. */
export type ServerLook =
  | {
      readonly up: false;
      /** True only where its processes were seen to be gone; a server that merely does not answer may still write. */
      readonly stopped: boolean;
      readonly reason: string;
    }
  | {
      readonly up: true;
      readonly inRecovery: boolean;
      readonly timeline: number;
      /** Of a replica: the end of what it has received or replayed. Of a primary: the end of what it has written. */
      readonly lsn: string;
      /** A walreceiver is streaming: the position may still grow. */
      readonly receiving: boolean;
      /** Of a replica: it is told of nobody to stream from, because it was made ready to lead. It may be in promotion. */
      readonly followsNobody: boolean;
      readonly synchronousStandbyNames: string;
      /** Who streams from it, by application name (pg_stat_replication). */
      readonly standbys: readonly Standby[];
      /** Its physical replication slots. */
      readonly slots: readonly string[];
    };

export interface Standby {
  readonly name: string;
  readonly state: string;
  readonly syncState: string;
}

/** The place of a server: it leads with these synchronous standbys, or follows that server. */
export type ServerRole =
  | { readonly leads: true; readonly synchronousStandbyNames: string }
  | { readonly leads: false; readonly follows: string };

export interface Rejoined {
  /** `rewound` also where pg_rewind found nothing to rewind; `copied`: a new base backup. */
  readonly how: 'rewound' | 'copied';
  /** Where the histories parted, as pg_rewind printed it; null where they never did. */
  readonly divergedAt: string | null;
}

/** How the last life of a stopped server ended, as its control file says. */
export interface LastLife {
  /** `shut down`: cleanly; everything it had written stands before `checkpoint`. */
  readonly state: string;
  readonly timeline: number;
  /** Position of its last checkpoint record: where a clean shutdown ended. */
  readonly checkpoint: string;
}

/** What a preflight asks a running server, as its superuser. */
export interface Inspection {
  readonly inRecovery: boolean;
  /** One of the two is what lets a server be rewound. */
  readonly checksums: boolean;
  readonly walLogHints: boolean;
  /** A rewind copies the data folder of another server: configuration inside it would be that one's. */
  readonly configInsideData: boolean;
  readonly replayPaused: boolean;
  readonly preparedTransactions: number;
  /** Of clients; 0 where none is open. */
  readonly oldestTransactionMs: number;
  readonly slots: readonly {
    readonly name: string;
    readonly kind: 'physical' | 'logical';
    readonly active: boolean;
  }[];
  /** Bytes that each standby has not flushed yet, by application name. */
  readonly lagBytes: readonly { readonly name: string; readonly bytes: number }[];
  readonly walReceiverTimeoutMs: number;
  readonly synchronousCommit: string;
}

/** Acts on the Postgres servers of one region, by name. Every method may be repeated after it was cut off half way. */
export interface PostgresActuator {
  look(server: string): Promise<ServerLook>;
  /** Whether we have hold of a server: its process is ours and running. */
  describe(server: string): Promise<{ readonly ok: boolean; readonly text: string }>;
  inspect(server: string): Promise<Inspection>;
  /** Undefined while it runs. */
  lastLife(server: string): Promise<LastLife | undefined>;
  /** SIGKILL to a server and each of its backends; returns when all are gone. Nothing keeps it from leading when it is started. */
  kill(server: string): Promise<void>;
  /**
   * Makes sure that a server writes no more: `kill` ends it with all its backends at once, `stop` asks it to finish
   * (fast shutdown: everything written reaches its standbys). Whoever starts it later gets a server that does not lead.
   */
  fence(server: string, how: 'kill' | 'stop'): Promise<void>;
  /** Writes what a server is; one that runs takes it up before this returns. A standby is made primary by `promote` only. */
  setRole(server: string, role: ServerRole): Promise<void>;
  /** Returns once it takes writes. */
  promote(server: string): Promise<void>;
  /** Of all names the server has exactly the wanted ones as physical slots; other slots are left alone. */
  setSlots(server: string, wanted: readonly string[], all: readonly string[]): Promise<void>;
  /** CHECKPOINT: without one, pg_rewind sees the old timeline and does nothing. */
  checkpoint(server: string): Promise<void>;
  /**
   * Brings the data of a server to the history of the leader: `rewind` where that is possible, else (or with `copy`) a
   * new base backup. Stops the server before; it is stopped and marked as a standby then.
   */
  rejoin(server: string, leader: string, how: 'rewind' | 'copy', signal: AbortSignal): Promise<Rejoined>;
  /** Starts it as what the role says and returns once it answers. One that runs as the other thing is stopped first. */
  start(server: string, as: 'leader' | 'standby'): Promise<void>;
}

export interface PoolLook {
  readonly server: string | null;
  readonly paused: boolean;
}

/** Settings of a pooler that a recovery time is made of, ms. */
export interface PoolSettings {
  /** After a connection to a server failed, it is not tried again for so long. */
  readonly serverLoginRetryMs: number;
  /** A client that waits longer is dropped; 0: never. */
  readonly queryWaitTimeoutMs: number;
}

/** Acts on one database of a connection pooler. Every method may be repeated. */
export interface PoolerActuator {
  look(): Promise<PoolLook>;
  settings(): Promise<PoolSettings>;
  /** New statements wait from now on. Returns when no transaction is under way, or after a moment: a dead server's never end. */
  hold(): Promise<void>;
  /** New server connections go to this one; connections to another are gone when it returns. Does not release. */
  point(server: string): Promise<void>;
  release(): Promise<void>;
  /** The server that answers a statement through the pool, and whether it takes writes. */
  reaches(): Promise<{ readonly server: string | null; readonly writable: boolean }>;
}
