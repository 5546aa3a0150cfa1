import { slotOf } from '../../../clients/postgres/standby.ts';
import type { ServerLook, ServerRole } from '../../actuators/postgres.ts';
import type { PostgresSet } from './set.ts';
import { type SyncRule, syncNamesText } from './sync-names.ts';

/** What one server has to be. */
export interface Place {
  readonly server: string;
  readonly role: ServerRole;
  /** Physical slots it has to have, of those that belong to the set. */
  readonly slots: readonly string[];
}

/** Every server's look, by name. */
export type Looks = ReadonlyMap<string, ServerLook>;

/**
 * Pure: who has to be what when this server leads. Synchronous are all the others, as many of them as before: a rule
 * that names the leader itself, or only servers that are gone, would let every commit wait for ever.
 */
export function placesOf(set: PostgresSet, leader: string): Place[] {
  const others = set.servers.filter((server) => server !== leader);
  return set.servers.map((server) =>
    server === leader
      ? {
          server,
          role: { leads: true, synchronousStandbyNames: syncTextFor(set, leader) },
          slots: others.map(slotOf),
        }
      : { server, role: { leads: false, follows: leader }, slots: [] },
  );
}

/** The rule of the set with this server as leader; null where nothing is synchronous. */
function syncRuleFor({ servers, sync }: PostgresSet, leader: string): SyncRule | null {
  if (sync === null) return null;
  const names = servers.filter((server) => server !== leader).map(slotOf);
  return { method: sync.method, count: Math.min(sync.count, names.length), names };
}

/** Pure: the same set once this server leads. */
export function setLedBy(set: PostgresSet, leader: string): PostgresSet {
  const sync = syncRuleFor(set, leader);
  return { ...set, primary: leader, sync: sync === null ? null : { ...sync, names: [...sync.names] } };
}

export function syncTextFor(set: PostgresSet, leader: string): string {
  const rule = syncRuleFor(set, leader);
  return rule === null ? '' : syncNamesText(rule);
}

const SYNC_STATES = ['sync', 'quorum', 'potential'];

/**
 * Pure: what differs from the set led by this server, as sentences; empty means that one server leads, every other one
 * streams from it and counts for its commits, and slots stand on the leader alone. `except`: not looked at (not back yet).
 */
export function misplaced(
  set: PostgresSet,
  leader: string,
  looks: Looks,
  except: readonly string[] = [],
): string[] {
  return placesOf(set, leader)
    .filter(({ server }) => !except.includes(server))
    .flatMap((place) => differences(set, place, leader, looks, except));
}

function differences(
  set: PostgresSet,
  place: Place,
  leader: string,
  looks: Looks,
  except: readonly string[],
): string[] {
  const { server, role } = place;
  const look = looks.get(server);
  if (look === undefined) return [`${server} was not looked at`];
  if (!look.up) return [`${server} does not answer: ${look.reason}`];
  const ours = set.servers.map(slotOf).filter((slot) => look.slots.includes(slot));
  const slots = sameNames(ours, place.slots)
    ? []
    : [`${server} has the slots ${list(ours)} instead of ${list(place.slots)}`];
  if (!role.leads) {
    const leads = looks.get(leader);
    const follows = leads?.up !== true || isOnTimelineOf(look, leads);
    const own = look.inRecovery
      ? follows
        ? []
        : [`${server} (timeline ${look.timeline}) does not receive from ${leader}`]
      : [`${server} takes writes of its own`];
    return [...own, ...slots];
  }
  const sync =
    look.synchronousStandbyNames === role.synchronousStandbyNames
      ? []
      : [`synchronous_standby_names of ${server} is '${look.synchronousStandbyNames}'`];
  const away = place.slots
    .filter((name) => !except.some((gone) => slotOf(gone) === name))
    .filter((name) => !streams(look.standbys, name, role.synchronousStandbyNames !== ''));
  return [
    ...(look.inRecovery ? [`${server} takes no writes`] : []),
    ...sync,
    ...away.map((name) => `${name} does not stream from ${server} as a synchronous candidate`),
    ...slots,
  ];
}

/**
 * Does this standby receive what the leader writes? One that asks for the timeline before shows up as streaming for a
 * moment, again and again, and receives nothing.
 */
export function isOnTimelineOf(standby: Up, leader: Up): boolean {
  return standby.inRecovery && standby.receiving && standby.timeline === leader.timeline;
}

type Up = Extract<ServerLook, { readonly up: true }>;

function streams(
  standbys: readonly { readonly name: string; readonly state: string; readonly syncState: string }[],
  name: string,
  synchronous: boolean,
): boolean {
  return standbys.some(
    (standby) =>
      standby.name === name &&
      standby.state === 'streaming' &&
      (!synchronous || SYNC_STATES.includes(standby.syncState)),
  );
}

const sameNames = (a: readonly string[], b: readonly string[]): boolean =>
  a.toSorted().join() === b.toSorted().join();
const list = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '));
