import type { PostgresActuator } from '../../actuators/postgres.ts';
import { gather, rejoin } from './follow.ts';
import { type Looks, syncTextFor } from './places.ts';
import { endPromotions } from './promotion.ts';
import { lookAtAll, lookOnceAnswered, type PostgresSet, successorOf, waitPlaced } from './set.ts';

const PLACED_MS = 60_000;
/** Longest that `makeWhole` may take. */
export const MAKE_WHOLE_MS = 2 * PLACED_MS + 60_000;

/**
 * Makes a set whole whose primary was killed or fenced: it leads as before where nobody was promoted; where somebody
 * was, the others follow that one and the old primary rejoins as its replica. What is already so is left alone. Before
 * the old primary leads, no promotion is left that could come true later.
 */
export async function makeWhole(
  set: PostgresSet,
  servers: PostgresActuator,
  signal: AbortSignal,
): Promise<{ leader: string }> {
  const looks = await lookOnceAnswered(set, servers, signal);
  const successor = successorOf(set, looks) ?? (await lateSuccessor(set, servers, looks));
  if (successor !== undefined) {
    await gather(set, servers, successor, signal);
    await rejoin(set, servers, { leader: successor, server: set.primary, signal });
    await waitPlaced(set, servers, successor, { timeoutMs: PLACED_MS });
    return { leader: successor };
  }
  await requireNewest(set, servers, await lookAtAll(set, servers));
  const synchronousStandbyNames = syncTextFor(set, set.primary);
  await servers.setRole(set.primary, { leads: true, synchronousStandbyNames });
  await servers.start(set.primary, 'leader');
  await gather(set, servers, set.primary, signal);
  await waitPlaced(set, servers, set.primary, { timeoutMs: PLACED_MS });
  return { leader: set.primary };
}

/** Whoever took over, or was about to, while nobody is seen to lead. */
async function lateSuccessor(
  set: PostgresSet,
  servers: PostgresActuator,
  looks: Looks,
): Promise<string | undefined> {
  // One that cannot be asked might lead: two leaders would be worse than none.
  for (const [server, look] of looks) {
    if (server !== set.primary && !look.up && !look.stopped)
      throw new Error(`${server} does not answer and may lead (${look.reason})`);
  }
  const timeline = (await timelineOf(servers, looks, set.primary)) ?? 0;
  return endPromotions(set, servers, looks, { leader: set.primary, timeline });
}

/** As it says, or its control file where it is stopped; undefined where it does neither. */
async function timelineOf(
  servers: PostgresActuator,
  looks: Looks,
  server: string,
): Promise<number | undefined> {
  const look = looks.get(server);
  return look?.up === true ? look.timeline : (await servers.lastLife(server))?.timeline;
}

/** Throws where another server is on a newer timeline: what was acknowledged there is not on the primary. */
async function requireNewest(set: PostgresSet, servers: PostgresActuator, looks: Looks): Promise<void> {
  const own = await timelineOf(servers, looks, set.primary);
  // Its process is there already (it starts, or was stopped half way): what it is was decided before.
  if (own === undefined) return;
  for (const server of set.servers) {
    const timeline = await timelineOf(servers, looks, server);
    if (timeline !== undefined && timeline > own)
      throw new Error(
        `${server} is on timeline ${timeline}, ${set.primary} on ${own}: it does not have what was acknowledged since`,
      );
  }
}
