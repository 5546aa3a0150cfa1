import { type Observed, observe } from '../../facts/observed.ts';
import { poolerUnitAt } from '../actuators/pooler-process.ts';
import type { Inspection, PoolLook, PoolSettings } from '../actuators/postgres.ts';
import { poolOf, serversOf } from '../steps/postgres/acts.ts';
import type { Looks } from '../steps/postgres/places.ts';
import { lookAtAll, observeSet, type PostgresSet, type PostgresStepContext } from '../steps/postgres/set.ts';

/** What the preflight of a Postgres drill looks at beside the ordinary checks, at one moment. */
export interface SetFacts {
  readonly set: PostgresSet;
  readonly looks: Looks;
  readonly inspections: ReadonlyMap<string, Observed<Inspection>>;
  /** What the actuator says of each server's process. */
  readonly processes: ReadonlyMap<string, { readonly ok: boolean; readonly text: string }>;
  readonly pool: Observed<PoolFacts>;
}

export interface PoolFacts {
  readonly look: PoolLook;
  readonly reaches: { readonly server: string | null; readonly writable: boolean };
  readonly settings: PoolSettings;
}

export interface SetNames {
  readonly units: string;
  /** The writer of uplift.yaml first. */
  readonly servers: readonly string[];
  readonly database: string;
  readonly poolerPort: number;
}

/** Looks at the set through its actuators. Throws where no set can be told at all: none or two servers lead. */
export async function observeFacts(
  context: PostgresStepContext,
  { units, servers, database, poolerPort }: SetNames,
  nowMs: () => number,
): Promise<SetFacts> {
  const unit = await poolerUnitAt(units, poolerPort);
  const pool = unit === undefined ? null : { unit, database };
  const set = await observeSet(context, { units, servers: [...servers], pool });
  const actuator = serversOf(context, set);
  const each = async <T>(look: (server: string) => Promise<T>): Promise<ReadonlyMap<string, T>> =>
    new Map(await Promise.all(servers.map(async (server) => [server, await look(server)] as const)));
  const [looks, inspections, processes, poolFacts] = await Promise.all([
    lookAtAll(set, actuator),
    each((server) => observe(nowMs, () => actuator.inspect(server))),
    each((server) => actuator.describe(server)),
    observe(nowMs, () => lookAtPool(context, set)),
  ]);
  return { set, looks, inspections, processes, pool: poolFacts };
}

async function lookAtPool(context: PostgresStepContext, set: PostgresSet): Promise<PoolFacts> {
  const pool = poolOf(context, set);
  return { look: await pool.look(), reaches: await pool.reaches(), settings: await pool.settings() };
}
