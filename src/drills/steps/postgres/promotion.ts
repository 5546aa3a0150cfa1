import type { PostgresActuator, ServerLook } from '../../actuators/postgres.ts';
import type { Looks } from './places.ts';
import type { PostgresSet } from './set.ts';

/** Whose promotions are looked at before another server is let lead. */
export interface OtherThan {
  /** The server that is to lead. */
  readonly leader: string;
  /** Its timeline: who led on an older one is no matter. */
  readonly timeline: number;
  /** Not touched either. */
  readonly except?: readonly string[];
}

/**
 * Makes sure that no server takes over behind the back of whoever lets another one lead. A promotion that was asked for
 * comes true when the server gets to it, also when whoever asked for it is dead, and until then it says that it is a
 * replica. It is told apart by its role, which is written before it is promoted: it follows nobody. Such a server is
 * stopped, and how its life ended says whether it led. To wait for it would prove nothing: a server that hangs or has no
 * processor gets to it later than any bound. Its next life knows nothing of what the one before was asked for.
 *
 * Answers who of them has led; that one leads again then, since it may have acknowledged what nobody else has. The
 * others stay stopped, marked as standbys, for whoever gathers the set. Run again, it comes to the same answer.
 */
export async function endPromotions(
  set: PostgresSet,
  servers: PostgresActuator,
  looks: Looks,
  { leader, timeline, except = [] }: OtherThan,
): Promise<string | undefined> {
  const others = [...looks].filter(([server]) => server !== leader && !except.includes(server));
  const led: string[] = [];
  for (const [server, look] of others) {
    if (mayBePromoted(look)) {
      await servers.fence(server, 'stop');
      if (await endedLeading(servers, server)) led.push(server);
    } else if (!look.up && look.stopped && (await hasLed(servers, server, timeline))) led.push(server);
  }
  const [one, two] = led;
  if (one !== undefined && two !== undefined)
    throw new Error(`${one} and ${two} both led: neither of ${set.servers.join(', ')} is let lead`);
  if (one !== undefined) await servers.start(one, 'leader');
  return one;
}

/** Pure: a replica that was made ready to lead. */
export const mayBePromoted = (look: ServerLook): boolean => look.up && look.inRecovery && look.followsNobody;

/** Of a server that ran a moment ago: whatever does not end in recovery had left it. */
async function endedLeading(servers: PostgresActuator, server: string): Promise<boolean> {
  const last = await servers.lastLife(server);
  if (last === undefined) throw new Error(`${server} still runs after it was stopped`);
  return !last.state.includes('recovery');
}

/** Of a server that was found stopped. */
async function hasLed(servers: PostgresActuator, server: string, timeline: number): Promise<boolean> {
  const last = await servers.lastLife(server);
  if (last === undefined || last.timeline < timeline || last.state.includes('recovery')) return false;
  // Killed as a leader, or a fresh copy of one that was never started: the control file is the same.
  if (last.state !== 'shut down')
    throw new Error(`${server} ended as "${last.state}" and may have led: nobody else is let lead`);
  return true;
}
