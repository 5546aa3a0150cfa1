/** A broker as the planner sees it: id, rack, and what it already carries. */
export interface BrokerLoad {
  readonly id: number;
  readonly rack: string | null;
  readonly replicas: number;
  readonly leaders: number;
}

interface Counter {
  readonly id: number;
  readonly rack: string;
  replicas: number;
  leaders: number;
}

/**
 * Replicas for every partition of one topic, preferred leader first. Deterministic and greedy:
 * - no broker twice in a partition, and no rack twice while an unused rack has a broker left;
 * - the leader is the broker with the fewest leaders; followers the ones with the fewest replicas;
 * - ties go to the pair (leader, next) seen least, so that the loss of one broker spreads its leaders over the others.
 * `loads` carries what exists, so topics created together or later do not pile up on one broker.
 * Returns undefined when there are fewer brokers than replicas.
 */
export function assignReplicas(
  brokers: readonly BrokerLoad[],
  partitions: number,
  replicationFactor: number,
): number[][] | undefined {
  if (brokers.length < replicationFactor) return undefined;
  // A broker without a rack counts as a rack of its own: nothing is known that would set it together with another.
  const counters: Counter[] = brokers
    .toSorted((a, b) => a.id - b.id)
    .map(({ id, rack, replicas, leaders }) => ({ id, rack: rack ?? `no-rack-${id}`, replicas, leaders }));
  const pairs = new Map<string, number>();
  return Array.from({ length: partitions }, () => assignOne(counters, replicationFactor, pairs));
}

function assignOne(
  counters: readonly Counter[],
  replicationFactor: number,
  pairs: Map<string, number>,
): number[] {
  const chosen: Counter[] = [];
  while (chosen.length < replicationFactor) {
    const next = pick(counters, chosen, pairs);
    if (chosen.length === 0) next.leaders += 1;
    next.replicas += 1;
    const previous = chosen.at(-1);
    if (previous !== undefined) pairs.set(`${previous.id}>${next.id}`, pairsOf(pairs, previous, next) + 1);
    chosen.push(next);
  }
  return chosen.map(({ id }) => id);
}

function pick(
  counters: readonly Counter[],
  chosen: readonly Counter[],
  pairs: ReadonlyMap<string, number>,
): Counter {
  const free = counters.filter((c) => !chosen.includes(c));
  const otherRacks = free.filter((c) => !chosen.some((taken) => taken.rack === c.rack));
  const candidates = otherRacks.length > 0 ? otherRacks : free;
  const previous = chosen.at(-1);
  const cost = (c: Counter): readonly number[] =>
    previous === undefined
      ? [c.leaders, c.replicas, c.id]
      : [c.replicas, pairsOf(pairs, previous, c), c.leaders, c.id];
  const [best] = candidates.toSorted((a, b) => compare(cost(a), cost(b)));
  if (best === undefined) throw new RangeError('more replicas than brokers');
  return best;
}

function pairsOf(pairs: ReadonlyMap<string, number>, from: Counter, to: Counter): number {
  return pairs.get(`${from.id}>${to.id}`) ?? 0;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const difference = value - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The loads after an assignment: what the next topic's planner starts from. */
export function addAssignment(
  brokers: readonly BrokerLoad[],
  assignment: readonly (readonly number[])[],
): BrokerLoad[] {
  return brokers.map((broker) => ({
    ...broker,
    replicas: broker.replicas + assignment.filter((replicas) => replicas.includes(broker.id)).length,
    leaders: broker.leaders + assignment.filter(([leader]) => leader === broker.id).length,
  }));
}
