import type { Decision } from '../../contract/records.ts';
import { decodeToken } from '../../contract/token.ts';
import { brokenVersions, outOfOrder, oversold, phantoms, projected } from './naive-invariants.ts';
import { type Ack, decisionLog, decisionsOf, has, type Placed, placesOf } from './naive-lookups.ts';
import { REPLICAS, type World, WRITER } from './world.ts';

/** What the naive checker says, as sorted lines: comparable, and readable when two checkers disagree. */
export type NaiveFindings = Readonly<Record<string, readonly string[]>>;

/**
 * A second checker, written from the words of the design and not from the first one: no index, no map, each question
 * is a scan over the world's flat lists.
 */
export function naiveJudge(world: World): NaiveFindings {
  const ids = [...new Set(world.ops.map((op) => op.eventId))];
  const acks = ids.flatMap((id) => ackOf(world, id) ?? []);
  const unknown = ids.filter(
    (id) =>
      !acks.some((ack) => ack.id === id) &&
      world.ops.some((op) => op.eventId === id && (op.outcome === 'info' || op.outcome === 'open')),
  );
  const refused = ids.filter((id) => world.ops.every((op) => op.eventId !== id || op.outcome === 'fail'));
  return {
    lost: sorted(acks.flatMap((ack) => lostAt(world, ack) ?? [])),
    ends: sorted(acks.map((ack) => `${ack.id} ${endOf(world, ack)}`)),
    unknown: sorted(unknown),
    unknownFound: sorted(
      unknown.filter(
        (id) =>
          (has(world, 'commands') && placesOf(world, id).length > 0) ||
          (has(world, 'events') && decisionsOf(world, id).length > 0),
      ),
    ),
    refused: sorted(refused),
    moved: sorted(acks.filter((ack) => isMoved(world, ack)).map((ack) => ack.id)),
    duplicates: sorted(duplicates(world, ids)),
    repeated: sorted(repeated(world, ids)),
    replayed: [String(has(world, 'events') ? replayed(world) : 0)],
    phantoms: sorted(phantoms(world, ids, refused)),
    oversold: sorted(oversold(world)),
    outOfOrder: sorted([...outOfOrder(world, ids, acks), ...brokenVersions(world)]),
    projected: sorted(
      projected(
        world,
        acks.filter((ack) => lostAt(world, ack) !== undefined),
      ),
    ),
  };
}

const sorted = (lines: readonly string[]): string[] => [...new Set(lines)].toSorted();
function ackOf(world: World, id: string): Ack | undefined {
  const oks = world.ops
    .filter((op) => op.eventId === id && op.outcome === 'ok')
    .toSorted((a, b) => (a.doneUs ?? 0) - (b.doneUs ?? 0));
  const [ok] = oks;
  if (ok === undefined) return undefined;
  const { reservation, resource, partition } = ok;
  return { id, reservation, resource, partition, ackUs: ok.doneUs ?? 0, token: ok.token ?? '' };
}

function claimOf(ack: Ack): Placed {
  const token = decodeToken(ack.token);
  return token === undefined
    ? { partition: ack.partition, offset: 0 }
    : { partition: token.partition, offset: Number(token.commandOffset) };
}

function isMoved(world: World, ack: Ack): boolean {
  const places = has(world, 'commands') ? placesOf(world, ack.id) : [];
  const claim = claimOf(ack);
  return (
    places.length > 0 &&
    !places.some((place) => place.partition === claim.partition && place.offset === claim.offset)
  );
}

function isUnparseable(world: World, ack: Ack): boolean {
  if (!has(world, 'events') || !has(world, 'commands') || decisionsOf(world, ack.id).length > 0) return false;
  const marks = placesOf(world, ack.id).map(({ partition, offset }) =>
    decisionLog(world)[partition]?.some(
      (d) => d.decision === 'unparseable' && Number(d.commandOffset) === offset,
    ),
  );
  return marks.includes(true);
}

/** The decision that counts, with the command it is about. */
function verdictOn(
  world: World,
  id: string,
): { kind: string; offset: number; partition: number; after: Decision['reservation'] } | undefined {
  if (!has(world, 'events')) return undefined;
  const all = decisionsOf(world, id);
  const own = all.find(({ decision }) => decision.decision !== 'repeated') ?? all[0];
  if (own === undefined) return undefined;
  const { decision, partition } = own;
  const after = decision.reservation;
  if (decision.decision === 'repeated' && decision.first !== null)
    return { kind: decision.first.decision, offset: Number(decision.first.commandOffset), partition, after };
  return { kind: decision.decision, offset: Number(decision.commandOffset), partition, after };
}

function lostAt(world: World, ack: Ack): string | undefined {
  const claim = claimOf(ack);
  const beforeStart = claim.offset < (world.commandsStart[claim.partition] ?? 0);
  const inLog = placesOf(world, ack.id).length > 0;
  if (has(world, 'commands') && !inLog && !beforeStart) return `${ack.id} gateway → commands log`;
  if (isUndecided(world, ack)) return `${ack.id} commands log → events log`;
  if (isUnparseable(world, ack)) return undefined;
  for (const name of [WRITER, ...REPLICAS]) {
    if (isParked(world, ack, name)) return undefined;
    if (isAside(world, ack, name) || !lacksOn(world, ack, name)) continue;
    return `${ack.id} ${name === WRITER ? 'events log → writer' : `writer → replica ${name}`}`;
  }
  const denied = world.api.some(([id, answer]) => id === ack.id && answer.kind === 'notFound');
  const gone = has(world, 'api') && denied && !isUnparseable(world, ack);
  return gone ? `${ack.id} writer → API` : undefined;
}

/** In the log below what is decided, and without a decision. */
function isUndecided(world: World, ack: Ack): boolean {
  if (!has(world, 'events') || verdictOn(world, ack.id) !== undefined || isUnparseable(world, ack))
    return false;
  const place = (has(world, 'commands') ? placesOf(world, ack.id)[0] : undefined) ?? claimOf(ack);
  const decided = (decisionLog(world)[place.partition] ?? []).map((d) => Number(d.commandOffset));
  return Math.max(-1, ...decided) >= place.offset;
}

function lacksOn(world: World, ack: Ack, name: string): boolean {
  const server = world.servers.get(name);
  const verdict = verdictOn(world, ack.id);
  if (!has(world, name) || server === undefined || verdict === undefined) return false;
  if ((server.through.get(verdict.partition) ?? -1) < verdict.offset) return false;
  const operation = server.operations.some((row) => row.eventId === ack.id);
  const { after } = verdict;
  const reservation = server.reservations.some((row) =>
    ack.reservation === null
      ? row.eventId === ack.id
      : after !== null && row.reservationId === after.id && row.version >= after.version,
  );
  return !operation || (verdict.kind === 'accepted' && !reservation);
}

function isApplied(world: World, ack: Ack, name: string): boolean {
  return (
    has(world, name) && world.servers.get(name)?.operations.some((row) => row.eventId === ack.id) === true
  );
}

/** This server says that it put the event aside and has not applied it. */
function isAside(world: World, ack: Ack, name: string): boolean {
  const parked = has(world, name) && world.servers.get(name)?.parked.has(ack.id) === true;
  return parked && !isApplied(world, ack, name);
}

/** A dead letter: put aside somewhere, and not applied by the writer. */
function isParked(world: World, ack: Ack, name: string): boolean {
  return isAside(world, ack, name) && !isApplied(world, ack, WRITER);
}

function endOf(world: World, ack: Ack): string {
  if (lostAt(world, ack) !== undefined) return 'lost';
  if (isUnparseable(world, ack)) return 'deadLettered';
  if ([WRITER, ...REPLICAS].some((name) => isParked(world, ack, name))) return 'deadLettered';
  const writer = has(world, WRITER)
    ? world.servers.get(WRITER)?.operations.find((row) => row.eventId === ack.id)
    : undefined;
  const kind = verdictOn(world, ack.id)?.kind ?? writer?.decision;
  if (kind === undefined) return 'unknown';
  return kind === 'accepted' ? 'accepted' : 'rejected';
}

function duplicates(world: World, ids: readonly string[]): string[] {
  const decided = decisionLog(world)
    .flat()
    .flatMap((d) => d.eventId ?? []);
  const rows = [...world.servers.values()].flatMap((server) => server.reservations.map((row) => row.eventId));
  return [...new Set([...ids, ...decided, ...rows])].flatMap((id) => [
    ...(has(world, 'events') && decidedTwice(world, id) ? [`${id} events log`] : []),
    ...[...world.servers.keys()]
      .filter((name) => has(world, name) && storedTwice(world, ids, id, name))
      .map((name) => `${id} ${name}`),
  ]);
}

function decidedTwice(world: World, id: string): boolean {
  const own = decisionsOf(world, id).map(({ decision }) => decision);
  const fresh = own.filter(({ decision }) => decision !== 'repeated');
  const outcomes = new Set(fresh.map(({ decision }) => decision));
  const holds = new Set(
    fresh.filter((d) => d.decision === 'accepted').map((d) => `${d.reservation?.id} ${d.commandOffset}`),
  );
  return outcomes.size > 1 || holds.size > 1;
}

function storedTwice(world: World, ids: readonly string[], id: string, name: string): boolean {
  const server = world.servers.get(name);
  const reservations = server?.reservations.filter((row) => row.eventId === id).length ?? 0;
  const operations = server?.operations.filter((row) => row.eventId === id).length ?? 0;
  return reservations > 1 || (operations > 1 && (ids.includes(id) || reservations > 0));
}

function replayed(world: World): number {
  const all = world.events.flat().filter((decision) => world.replays.has(decision));
  return all.filter((decision) => (decision.reservation?.tenant ?? world.tenant) === world.tenant).length;
}

function repeated(world: World, ids: readonly string[]): string[] {
  const known = [
    ...new Set([
      ...ids,
      ...world.commands.flat().flatMap((record) => record?.eventId ?? []),
      ...decisionLog(world)
        .flat()
        .flatMap((d) => d.eventId ?? []),
    ]),
  ];
  return known.flatMap((id) => {
    const places = has(world, 'commands') ? placesOf(world, id).length : 0;
    const decisions = has(world, 'events') ? decisionsOf(world, id).length : 0;
    return [
      ...(places > 1 ? [`${id} commands ${places}`] : []),
      ...(decisions > 1 ? [`${id} events ${decisions}`] : []),
    ];
  });
}
