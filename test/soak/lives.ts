/** What one process held at one moment. */
export interface Sample {
  /** Since the load began. */
  readonly atMs: number;
  /** The unit it belongs to; a server may consist of several processes. */
  readonly unit: string;
  readonly kind: string;
  readonly pid: number;
  readonly startTime: string;
  /** What the process calls itself; for a unit's own process the unit's id. */
  readonly name: string;
  readonly residentBytes: number;
  /** Open descriptors without `connections` and `cached`. */
  readonly handles: number;
  /**
   * Established connections whose number follows something else than time: of the load and a gateway those between
   * them (the traffic), of a broker all (who of its clients and peers lives; their ends are among the clients' handles).
   */
  readonly connections: number;
  /** Files of tables and indexes that a Postgres process keeps open. */
  readonly cached: number;
}

/** One process from its first look to its last: a unit that is killed and started again has several. */
export interface Life {
  readonly unit: string;
  readonly kind: string;
  readonly name: string;
  readonly pid: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly samples: readonly Sample[];
}

/** Looks put together by process: pid and kernel start time, because pids are given away again. In order of birth. */
export function livesOf(samples: readonly Sample[]): Life[] {
  const byProcess = Map.groupBy(samples, ({ unit, pid, startTime }) => `${unit} ${pid} ${startTime}`);
  return [...byProcess.values()].flatMap((own) => {
    const [first] = own;
    const last = own.at(-1);
    if (first === undefined || last === undefined) return [];
    const { unit, kind, name, pid, atMs } = first;
    return [{ unit, kind, name, pid, fromMs: atMs, toMs: last.atMs, samples: own }];
  });
}

/** What was seen in [from, to). */
export function within(samples: readonly Sample[], fromMs: number, toMs: number): Sample[] {
  return samples.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
}
