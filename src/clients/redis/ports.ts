/** Where a Redis Cluster is. Any live node is enough to find the others. */
export interface RedisTarget {
  /** host:port of cluster nodes. */
  readonly nodes: readonly string[];
  readonly password?: string;
  /** Upper bound of one call, redirections and waits included. */
  readonly timeoutMs: number;
}

export type Claim =
  /** `decidedBefore`: the store knows that what is claimed was done under another claim. */
  | { readonly claimed: true; readonly decidedBefore?: true }
  | { readonly claimed: false; readonly value: string };

/** First come, first served, by key. Redis Cluster may forget a claim in a failover: it is a fast path, never the truth. */
export interface Claims {
  /** Sets the key if it is free, else answers what stands there: one atomic SET NX GET (Redis ≥ 7.0). */
  claim(key: string, value: string, ttlMs: number): Promise<Claim>;
  /** Overwrites the key. */
  put(key: string, value: string, ttlMs: number): Promise<void>;
  /** Writes one short-lived key, so that a cluster that only answers reads does not look well. */
  probe(): Promise<void>;
  close(): Promise<void>;
}

/** At most `quota` units at once, and `quota` in `windowMs` on average: 1 … 1,000,000 in 1 s … 1 day. */
export interface QuotaPolicy {
  readonly quota: number;
  readonly windowMs: number;
}

/** What became of asking for one unit, by the clock of Redis. */
export interface Taken {
  readonly allowed: boolean;
  /** Units that could be taken at once after this. */
  readonly remaining: number;
  /** Until one unit more than that can be taken. */
  readonly nextMs: number;
}

/** Counts units per name, one command a question. A failover may forget what was taken: it limits, it proves nothing. */
export interface Quotas {
  /** Takes one unit of `name` if there is one. `name` must not contain braces. Throws UPL-REDIS-UNREACHABLE. */
  take(name: string, policy: QuotaPolicy): Promise<Taken>;
  close(): Promise<void>;
}

/** All of the bits are set; or one is not, and who says so: the bit that seals the key, and the run id of the server. */
export type Look =
  | { readonly all: true }
  | { readonly all: false; readonly sealed: boolean; readonly runId: string };

/** Strings of bits, one command a question. Every call throws UPL-REDIS-UNREACHABLE. */
export interface Bits {
  /**
   * Sets these bits, at most some thousands; answers the run id of the server that has them now. With `lifeMs` a key that is
   * new, or has an end, ends so long after this; one that was told to stay is left so.
   */
  set(key: string, bits: readonly number[], lifeMs?: number): Promise<string>;
  /** Looks at these bits on the primary of the key's slot. `sealBit` is looked at only when one of them is not set. */
  look(key: string, bits: readonly number[], sealBit: number): Promise<Look>;
  /** A small text beside the bits, such as their description. */
  read(key: string): Promise<string | undefined>;
  write(key: string, text: string, lifeMs?: number): Promise<void>;
  /** From now on the key ends after `lifeMs`; undefined: it stays. */
  live(key: string, lifeMs: number | undefined): Promise<void>;
  drop(key: string): Promise<void>;
  close(): Promise<void>;
}

/** What a node says it is right now (redis.io/commands/role). */
export type RedisRole =
  | { readonly role: 'master'; readonly offset: number }
  | {
      readonly role: 'replica';
      /** host:port as the replica knows it. */
      readonly master: string;
      /** Its replication link: `connected`, or what it waits for (`connect`, `connecting`, `sync`). */
      readonly link: string;
      /** −1 before the first copy is through. */
      readonly offset: number;
    };

/** One Redis node asked directly: for facts and for drills. Never retries a call, never follows a redirection. */
export interface RedisNode {
  readonly address: string;
  /** `INFO <section>` as key → value. */
  info(section: string): Promise<ReadonlyMap<string, string>>;
  /** `CLUSTER NODES`, one line per node, as Redis prints it. */
  clusterNodes(): Promise<readonly string[]>;
  /** `CLUSTER INFO` as key → value. */
  clusterInfo(): Promise<ReadonlyMap<string, string>>;
  role(): Promise<RedisRole>;
  /** `CONFIG GET` of these names; one the server does not have is absent. */
  config(names: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /**
   * `CLUSTER FAILOVER`, asked of a replica. It returns when the handover was begun: whether it came to an end (it gives
   * up by itself after 5 s) only `role` says.
   */
  failover(): Promise<void>;
  /** The values of keys of one slot, from this very node: a replica is told READONLY before. Null: no such key. */
  values(keys: readonly string[]): Promise<readonly (string | null)[]>;
  /** Deletes keys of one slot. */
  remove(keys: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** Nodes by address: each is opened with its first call, and again after it was lost. */
export interface RedisNodes {
  at(address: string): RedisNode;
  close(): Promise<void>;
}

/** What became of one write. `fail`: it certainly stands nowhere. `info`: nobody knows. */
export type WriteAnswer =
  | { readonly outcome: 'ok' }
  | { readonly outcome: 'fail' | 'info'; readonly reason: string; readonly movedTo?: string };

/** A connection that writes keys to one node, each once; it connects again by itself until it is closed. */
export interface RedisWriter {
  readonly address: string;
  /** False: a write would end as `fail` at once. */
  connected(): boolean;
  /** Sets a key; with `waitReplicas` it is `ok` only when so many replicas have it too (WAIT). Never throws. */
  set(key: string, value: string, ttlMs: number): Promise<WriteAnswer>;
  close(): Promise<void>;
}
