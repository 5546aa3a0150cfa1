import { slotOf } from '../../../clients/postgres/standby.ts';
import { isUpliftError } from '../../../core/error.ts';
import { waitFor } from '../../../core/wait.ts';
import type { PostgresActuator, Rejoined } from '../../actuators/postgres.ts';
import { isOnTimelineOf, placesOf } from './places.ts';
import { lookAtAll, type PostgresSet } from './set.ts';

const STREAMING_MS = 15_000;

/** Makes the slots on the leader (they do not follow a promotion) and lets these servers stream from it. */
export async function follow(
  set: PostgresSet,
  servers: PostgresActuator,
  leader: string,
  followers: readonly string[],
): Promise<void> {
  const slots = set.servers.map(slotOf);
  for (const place of placesOf(set, leader)) {
    if (place.server === leader) {
      await servers.setRole(leader, place.role);
      await servers.setSlots(leader, place.slots, slots);
    }
  }
  await Promise.all(
    followers.map(async (server) => {
      await servers.setRole(server, { leads: false, follows: leader });
      await servers.setSlots(server, [], slots);
    }),
  );
}

/** Is this server a standby that streams from the leader, as both of them see it? */
export async function streamsFrom(
  set: PostgresSet,
  servers: PostgresActuator,
  leader: string,
  server: string,
): Promise<boolean> {
  const looks = await lookAtAll(set, servers);
  const [own, leads] = [looks.get(server), looks.get(leader)];
  if (own?.up !== true || leads?.up !== true || !isOnTimelineOf(own, leads)) return false;
  return leads.standbys.some(({ name, state }) => name === slotOf(server) && state === 'streaming');
}

/**
 * Lets every server but the old primary follow the leader. One that does not stream from it soon is ahead of where the
 * leader's timeline began (it was not looked at when the leader was chosen): it rejoins as the old primary does, and so
 * does one that is stopped.
 */
export async function gather(
  set: PostgresSet,
  servers: PostgresActuator,
  leader: string,
  signal: AbortSignal,
): Promise<void> {
  const others = set.servers.filter((server) => server !== leader && server !== set.primary);
  const looks = await lookAtAll(set, servers);
  const [answering, silent] = [true, false].map((up) => others.filter((name) => looks.get(name)?.up === up));
  await follow(set, servers, leader, answering ?? []);
  for (const server of silent ?? []) await rejoin(set, servers, { leader, server, signal });
  for (const server of answering ?? []) {
    const waiting = { what: `${server} streams from ${leader}`, timeoutMs: STREAMING_MS, signal };
    try {
      await waitFor(() => streamsFrom(set, servers, leader, server), { ...waiting, intervalMs: 50 });
    } catch (error) {
      if (!isUpliftError(error, 'UPL-DEADLINE')) throw error;
      await rejoin(set, servers, { leader, server, signal });
    }
  }
}

/**
 * A server that led, or fell off the leader's history, becomes a replica: CHECKPOINT on the leader, its slot, rewind,
 * start. One that still does not stream then is copied anew. A server that already streams only loses slots of its own.
 */
export async function rejoin(
  set: PostgresSet,
  servers: PostgresActuator,
  request: { readonly leader: string; readonly server: string; readonly signal: AbortSignal },
): Promise<Rejoined | null> {
  const { leader, server, signal } = request;
  const streaming = (): Promise<boolean> => streamsFrom(set, servers, leader, server);
  const slots = set.servers.map(slotOf);
  // Slots it kept from its time as leader would hold its log for ever.
  const dropSlots = (): Promise<void> => servers.setSlots(server, [], slots);
  if (await streaming()) {
    // Whoever brought it so far may have been cut off before this.
    await dropSlots();
    return null;
  }
  await servers.checkpoint(leader);
  await follow(set, servers, leader, []);
  const attempt = async (how: 'rewind' | 'copy'): Promise<Rejoined> => {
    const rejoined = await servers.rejoin(server, leader, how, signal);
    await servers.setRole(server, { leads: false, follows: leader });
    await servers.start(server, 'standby');
    await waitFor(streaming, {
      what: `${server} streams from ${leader}`,
      timeoutMs: STREAMING_MS,
      signal,
    });
    await dropSlots();
    return rejoined;
  };
  try {
    return await attempt('rewind');
  } catch (error) {
    if (signal.aborted) throw error;
    return attempt('copy');
  }
}
