import type { PostgresActuator } from '../../actuators/postgres.ts';
import { follow, gather, rejoin } from './follow.ts';
import { syncTextFor } from './places.ts';
import { lookAtAll, type PostgresSet, successorOf, waitPlaced } from './set.ts';

const PLACED_MS = 60_000;
/** Longest that `makeWhole` may take. */
export const MAKE_WHOLE_MS = 2 * PLACED_MS + 60_000;

/**
 * Makes a set whole whose primary was killed or fenced: it leads as before where nobody was promoted; where somebody
 * was, the others follow that one and the old primary rejoins as its replica. What is already so is left alone.
 */
export async function makeWhole(
  set: PostgresSet,
  servers: PostgresActuator,
  signal: AbortSignal,
): Promise<{ leader: string }> {
  const looks = await lookAtAll(set, servers);
  const successor = successorOf(set, looks);
  if (successor !== undefined) {
    await gather(set, servers, successor, signal);
    await rejoin(set, servers, { leader: successor, server: set.primary, signal });
    await waitPlaced(set, servers, successor, { timeoutMs: PLACED_MS });
    return { leader: successor };
  }
  // One that cannot be asked might lead: two leaders would be worse than none.
  for (const [server, look] of looks) {
    if (server !== set.primary && !look.up && !look.stopped)
      throw new Error(`${server} does not answer and may lead (${look.reason})`);
  }
  const synchronousStandbyNames = syncTextFor(set, set.primary);
  await servers.setRole(set.primary, { leads: true, synchronousStandbyNames });
  await servers.start(set.primary, 'leader');
  const others = set.servers.filter((server) => server !== set.primary);
  await follow(set, servers, set.primary, others);
  await waitPlaced(set, servers, set.primary, { timeoutMs: PLACED_MS });
  return { leader: set.primary };
}
