/** A drill as it is listed. Apart from the drills themselves: completion and `drill ls` load no client of a store. */
export interface DrillName {
  /** Permanent. */
  readonly id: string;
  readonly store: 'Kafka' | 'Postgres' | 'Redis' | 'service';
  /** One line: what is rehearsed. */
  readonly title: string;
}

/** Every drill, in the order in which they should first be rehearsed. */
export const DRILL_NAMES = [
  {
    id: 'kafka-broker-loss',
    store: 'Kafka',
    title: 'SIGKILL the broker that leads most partitions',
  },
  {
    id: 'kafka-broker-hang',
    store: 'Kafka',
    title: 'SIGSTOP the broker that leads most partitions: connections stay open, nothing answers',
  },
  {
    id: 'kafka-producer-safety',
    store: 'Kafka',
    title: 'move leaders under load, every broker well: does the producer lose what was acknowledged?',
  },
  {
    id: 'redis-shard-loss',
    store: 'Redis',
    title: 'SIGKILL the master of the largest shard; its replica takes over by itself',
  },
  {
    id: 'redis-shard-failover',
    store: 'Redis',
    title: 'hand the largest shard over to its replica (CLUSTER FAILOVER), and back',
  },
  {
    id: 'postgres-switchover',
    store: 'Postgres',
    title: 'switch the primary to a synchronous replica and back, as planned',
  },
  {
    id: 'postgres-primary-loss',
    store: 'Postgres',
    title: 'SIGKILL the primary with all its backends, promote the most advanced replica, come back',
  },
  {
    id: 'projector-loss',
    store: 'service',
    title: 'SIGKILL a projector: reads must catch up once it runs again',
  },
] as const satisfies readonly DrillName[];

export type DrillId = (typeof DRILL_NAMES)[number]['id'];

/** The listing of one drill. */
export function nameOf(id: DrillId): DrillName {
  const found = DRILL_NAMES.find((name) => name.id === id);
  if (found === undefined) throw new TypeError(`${id} is not listed`);
  return found;
}
