import { waitFor } from '../../../core/wait.ts';
import type { PoolerActuator, PostgresActuator } from '../../actuators/postgres.ts';
import { lookAtAll, type PostgresSet, type PostgresStepContext, successorOf } from './set.ts';

const SETTLE_MS = 15_000;

/** The servers of a set, through what the context names. */
export const serversOf = ({ postgresOf }: PostgresStepContext, set: PostgresSet): PostgresActuator =>
  postgresOf(set.units);

/** The pool of a set that has one. */
export function poolOf({ poolerOf }: PostgresStepContext, { units, pool }: PostgresSet): PoolerActuator {
  if (pool === null) throw new Error('the set has no pool');
  return poolerOf(units, pool);
}

/** Gone, or a replica: either way it takes no writes. One that merely does not answer may still take some. */
export async function requireFenced({ primary }: PostgresSet, servers: PostgresActuator): Promise<void> {
  const look = await servers.look(primary);
  if (look.up && !look.inRecovery) throw new Error(`${primary} still takes writes`);
  if (!look.up && !look.stopped) throw new Error(`${primary} may still take writes: ${look.reason}`);
}

/** The replicas once none receives any more: a position that still grows would make the wrong one the most advanced. */
export async function settledReplicas(set: PostgresSet, servers: PostgresActuator, signal: AbortSignal) {
  const replicas = async () =>
    [...(await lookAtAll(set, servers))].flatMap(([server, look]) =>
      server === set.primary ? [] : [{ server, look }],
    );
  const quiet = async (): Promise<true> => {
    const receiving = (await replicas()).find(({ look }) => look.up && look.receiving);
    if (receiving === undefined) return true;
    throw new Error(`${receiving.server} is still receiving`);
  };
  await waitFor(quiet, {
    what: 'what the old primary sent has arrived',
    timeoutMs: SETTLE_MS,
    intervalMs: 20,
    signal,
  });
  // Looked at again: a walreceiver may have written its last bytes between the two things that one look reads.
  return replicas();
}

/** Does the pool lead to a successor already? */
export async function isLetGo(context: PostgresStepContext, set: PostgresSet): Promise<boolean> {
  const successor = successorOf(set, await lookAtAll(set, serversOf(context, set)));
  const { server, paused } = await poolOf(context, set).look();
  return successor !== undefined && server === successor && !paused;
}

/** Points the pool to this server, lets its clients go on, and returns once a statement has arrived there. */
export async function letGo(
  context: PostgresStepContext,
  set: PostgresSet,
  leader: string,
): Promise<{ leader: string }> {
  const pool = poolOf(context, set);
  await pool.point(leader);
  await pool.release();
  await requireReached(context, set, leader);
  return { leader };
}

/** A statement through the pool is answered by this server, which takes writes. */
export async function requireReached(
  context: PostgresStepContext,
  set: PostgresSet,
  leader: string,
): Promise<void> {
  const pool = poolOf(context, set);
  await waitFor(
    async () => {
      const { server, writable } = await pool.reaches();
      if (server !== leader || !writable)
        throw new Error(
          `the pool leads to ${server ?? 'nobody'}${writable ? '' : ', which takes no writes'}`,
        );
      return true;
    },
    { what: `the pool leads to ${leader}`, timeoutMs: SETTLE_MS, intervalMs: 50 },
  );
}
