import { z } from 'zod';
import { isUpliftError } from '../../../core/error.ts';
import { waitFor } from '../../../core/wait.ts';
import type { PoolerActuator, PostgresActuator, ServerLook } from '../../actuators/postgres.ts';
import { type Looks, misplaced } from './places.ts';
import { parseSyncNames } from './sync-names.ts';

const ANSWERED_MS = 10_000;

const name = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/);

/** One primary with its replicas and the pool before it, as they were when the plan was made. */
export const postgresSetSchema = z.object({
  /** How the actuator finds them: the folder of the unit files. */
  units: z.string().min(1),
  servers: z.array(name).min(2),
  /** Who leads when the plan is made: the one to be replaced. */
  primary: name,
  /** What its commits waited for; null: for nobody. */
  sync: z
    .object({
      method: z.enum(['ANY', 'FIRST']),
      count: z.int().positive(),
      names: z.array(z.string()),
    })
    .nullable(),
  /** Unit and database of the pooler; null: there is none. */
  pool: z.object({ unit: z.string(), database: z.string().regex(/^[a-z_][a-z0-9_]*$/) }).nullable(),
});
export type PostgresSet = z.infer<typeof postgresSetSchema>;

/** What the steps act through; the set that a step itself names says where. */
export interface PostgresStepContext {
  readonly postgresOf: (units: string) => PostgresActuator;
  readonly poolerOf: (units: string, pool: { unit: string; database: string }) => PoolerActuator;
  readonly onRestore?: (text: string) => void;
  /** Between two looks at a set that has to stay as it is; by default it waits. */
  readonly pause?: (ms: number) => Promise<unknown>;
}

/** Looks at every server of the set side by side. */
export async function lookAtAll(set: PostgresSet, servers: PostgresActuator): Promise<Looks> {
  const looks = await Promise.all(
    set.servers.map(async (server): Promise<[string, ServerLook]> => [server, await servers.look(server)]),
  );
  return new Map(looks);
}

/**
 * The same, once each server answers or is seen to be gone, or after a moment: one that somebody was starting when he
 * died answers soon, and says only then whether it leads.
 */
export async function lookOnceAnswered(
  set: PostgresSet,
  servers: PostgresActuator,
  signal: AbortSignal,
): Promise<Looks> {
  const isAnswer = (looks: Looks): boolean => [...looks.values()].every((look) => look.up || look.stopped);
  const first = await lookAtAll(set, servers);
  if (isAnswer(first)) return first;
  const answered = async (): Promise<Looks | false> => {
    const looks = await lookAtAll(set, servers);
    return isAnswer(looks) && looks;
  };
  const wait = { what: 'every server answers or is gone', timeoutMs: ANSWERED_MS, intervalMs: 50, signal };
  try {
    return await waitFor(answered, wait);
  } catch (error) {
    if (!isUpliftError(error, 'UPL-DEADLINE')) throw error;
    return lookAtAll(set, servers);
  }
}

/** The servers that take writes, by a fresh look. */
export function leadersOf(looks: Looks): string[] {
  return [...looks].flatMap(([server, look]) => (look.up && !look.inRecovery ? [server] : []));
}

/** Who leads instead of the primary of the plan, if anybody does. Two leaders at once are an error: nobody may choose. */
export function successorOf(set: PostgresSet, looks: Looks): string | undefined {
  const [one, two] = leadersOf(looks).filter((server) => server !== set.primary);
  if (one !== undefined && two !== undefined)
    throw new Error(`${one} and ${two} both take writes: stop the wrong one by hand`);
  return one;
}

/** As above; without a successor there is nothing to follow. */
export async function requireSuccessor(set: PostgresSet, servers: PostgresActuator): Promise<string> {
  const leader = successorOf(set, await lookAtAll(set, servers));
  if (leader === undefined) throw new Error(`nobody was promoted in place of ${set.primary}`);
  return leader;
}

/** Waits until nothing differs from the set led by this server. The message of a missed deadline names what does. */
export async function waitPlaced(
  set: PostgresSet,
  servers: PostgresActuator,
  leader: string,
  wait: { readonly timeoutMs: number; readonly except?: readonly string[]; readonly signal?: AbortSignal },
): Promise<Looks> {
  const { timeoutMs, except = [], signal } = wait;
  return waitFor(
    async () => {
      const looks = await lookAtAll(set, servers);
      const differs = misplaced(set, leader, looks, except);
      if (differs.length > 0) throw new Error(differs.join('; '));
      return looks;
    },
    {
      what: `${set.servers.length} servers led by ${leader}`,
      timeoutMs,
      intervalMs: 100,
      ...(signal === undefined ? {} : { signal }),
    },
  );
}

/** The set as it is now, for a plan: exactly one server leads, and its rule is understood. Throws where that is not so. */
export async function observeSet(
  { postgresOf }: Pick<PostgresStepContext, 'postgresOf'>,
  given: Pick<PostgresSet, 'units' | 'servers' | 'pool'>,
): Promise<PostgresSet> {
  const servers = postgresOf(given.units);
  const looks = await lookAtAll({ ...given, primary: '', sync: null }, servers);
  const [primary, second] = leadersOf(looks);
  const look = primary === undefined ? undefined : looks.get(primary);
  if (primary === undefined || look?.up !== true)
    throw new Error(`none of ${given.servers.join(', ')} takes writes`);
  if (second !== undefined) throw new Error(`${primary} and ${second} both take writes`);
  const sync = parseSyncNames(look.synchronousStandbyNames);
  return {
    ...given,
    primary,
    sync: sync === null ? null : { ...sync, names: [...sync.names] },
  };
}
