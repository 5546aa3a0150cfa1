import type { Decision } from '../../contract/records.ts';
import { decodeToken } from '../../contract/token.ts';
import { REPLICAS, type World, WRITER } from './world.ts';

/** What the naive checker says, as sorted lines: comparable, and readable when two checkers disagree. */
export type NaiveFindings = Readonly<Record<string, readonly string[]>>;

type Ack = { id: string; resource: string; partition: number; ackUs: number; token: string };
type Placed = { partition: number; offset: number };
type Decided = { partition: number; at: number; decision: Decision };

/**
 * A second checker, written from the words of the design and not from the first one: no index, no map, each question
 * is a scan over the world's flat lists.
 */
export function naiveJudge(world: World): NaiveFindings {
  const ids = [...new Set(world.ops.map((op) => op.eventId))];
  const acks = ids.flatMap((id) => ackOf(world, id) ?? []);
  const unknown = ids.filter((id) => !acks.some((ack) => ack.id === id) && world.ops.some((op) => op.eventId === id && (op.outcome === 'info' || op.outcome === 'open')));
  const refused = ids.filter((id) => world.ops.every((op) => op.eventId !== id || op.outcome === 'fail'));
  return {
    lost: sorted(acks.flatMap((ack) => lostAt(world, ack) ?? [])),
    ends: sorted(acks.map((ack) => `${ack.id} ${endOf(world, ack)}`)),
    unknown: sorted(unknown),
    unknownFound: sorted(unknown.filter((id) => (has(world, 'commands') && placesOf(world, id).length > 0) || (has(world, 'events') && decisionsOf(world, id).length > 0))),
    refused: sorted(refused),
    moved: sorted(acks.filter((ack) => isMoved(world, ack)).map((ack) => ack.id)),
    duplicates: sorted(duplicates(world, ids)),
    repeated: sorted(repeated(world, ids)),
    phantoms: sorted(phantoms(world, ids, refused)),
    oversold: sorted(oversold(world)),
    outOfOrder: sorted(outOfOrder(world, ids, acks)),
  };
}

const sorted = (lines: readonly string[]): string[] => [...new Set(lines)].toSorted();
const has = (world: World, source: string): boolean => !world.missing.has(source);

function ackOf(world: World, id: string): Ack | undefined {
  const oks = world.ops.filter((op) => op.eventId === id && op.outcome === 'ok').toSorted((a, b) => (a.doneUs ?? 0) - (b.doneUs ?? 0));
  const [ok] = oks;
  if (ok === undefined) return undefined;
  return { id, resource: ok.resource, partition: ok.partition, ackUs: ok.doneUs ?? 0, token: ok.token ?? '' };
}

function placesOf(world: World, id: string): Placed[] {
  return world.commands.flatMap((log, partition) =>
    log.flatMap((record, offset) => (record?.eventId === id && record.tenant === world.tenant && offset >= (world.commandsStart[partition] ?? 0) ? [{ partition, offset }] : [])),
  );
}

function decisionsOf(world: World, id: string): Decided[] {
  return world.events.flatMap((log, partition) =>
    log.flatMap((decision, at) => (decision.eventId === id && (decision.reservation?.tenant ?? world.tenant) === world.tenant ? [{ partition, at, decision }] : [])),
  );
}

function claimOf(ack: Ack): Placed {
  const token = decodeToken(ack.token);
  return token === undefined ? { partition: ack.partition, offset: 0 } : { partition: token.partition, offset: Number(token.commandOffset) };
}

function isMoved(world: World, ack: Ack): boolean {
  const places = has(world, 'commands') ? placesOf(world, ack.id) : [];
  const claim = claimOf(ack);
  return places.length > 0 && !places.some((place) => place.partition === claim.partition && place.offset === claim.offset);
}

function isUnparseable(world: World, ack: Ack): boolean {
  if (!has(world, 'events') || !has(world, 'commands') || decisionsOf(world, ack.id).length > 0) return false;
  const marks = placesOf(world, ack.id).map(({ partition, offset }) => world.events[partition]?.some((d) => d.eventId === null && Number(d.commandOffset) === offset));
  return marks.includes(true);
}

/** The decision that counts, with the command it is about. */
function verdictOn(world: World, id: string): { kind: string; offset: number; partition: number } | undefined {
  if (!has(world, 'events')) return undefined;
  const all = decisionsOf(world, id);
  const own = all.find(({ decision }) => decision.decision !== 'repeated') ?? all[0];
  if (own === undefined) return undefined;
  const { decision, partition } = own;
  if (decision.decision === 'repeated' && decision.first !== null) return { kind: decision.first.decision, offset: Number(decision.first.commandOffset), partition };
  return { kind: decision.decision, offset: Number(decision.commandOffset), partition };
}

function lostAt(world: World, ack: Ack): string | undefined {
  const places = placesOf(world, ack.id);
  const claim = claimOf(ack);
  const beforeStart = claim.offset < (world.commandsStart[claim.partition] ?? 0);
  if (has(world, 'commands') && places.length === 0 && !beforeStart) return `${ack.id} gateway → commands log`;
  const verdict = verdictOn(world, ack.id);
  if (has(world, 'events') && verdict === undefined) {
    if (isUnparseable(world, ack)) return undefined;
    const place = (has(world, 'commands') ? places[0] : undefined) ?? claim;
    const through = Math.max(-1, ...(world.events[place.partition] ?? []).map((d) => Number(d.commandOffset)));
    if (through >= place.offset) return `${ack.id} commands log → events log`;
  }
  for (const name of [WRITER, ...REPLICAS]) {
    const server = world.servers.get(name);
    if (!has(world, name) || server === undefined || verdict === undefined) continue;
    const operation = server.operations.some((row) => row.eventId === ack.id);
    const row = server.reservations.some((other) => other.eventId === ack.id);
    const whole = operation && (verdict.kind !== 'accepted' || row);
    if (!whole && (server.through.get(verdict.partition) ?? -1) >= verdict.offset) {
      return `${ack.id} ${name === WRITER ? 'events log → writer' : `writer → replica ${name}`}`;
    }
  }
  if (has(world, 'api') && world.api.some(([id, answer]) => id === ack.id && answer.kind === 'notFound')) return `${ack.id} writer → API`;
  return undefined;
}

function endOf(world: World, ack: Ack): string {
  if (lostAt(world, ack) !== undefined) return 'lost';
  if (isUnparseable(world, ack)) return 'deadLettered';
  const writer = has(world, WRITER) ? world.servers.get(WRITER)?.operations.find((row) => row.eventId === ack.id) : undefined;
  const kind = verdictOn(world, ack.id)?.kind ?? writer?.decision;
  if (kind === undefined) return 'unknown';
  return kind === 'accepted' ? 'accepted' : 'rejected';
}

function duplicates(world: World, ids: readonly string[]): string[] {
  const found: string[] = [];
  const everyId = [...new Set([...ids, ...world.events.flat().flatMap((d) => d.eventId ?? []), ...[...world.servers.values()].flatMap((s) => s.reservations.map((row) => row.eventId))])];
  for (const id of everyId) {
    const own = has(world, 'events') ? decisionsOf(world, id).filter(({ decision }) => decision.decision !== 'repeated') : [];
    for (const a of own) {
      for (const b of own) {
        const differ = a.decision.decision !== b.decision.decision;
        const twoHolds = a.decision.decision === 'accepted' && b.decision.decision === 'accepted' && (a.decision.commandOffset !== b.decision.commandOffset || a.decision.reservation?.id !== b.decision.reservation?.id);
        if (differ || twoHolds) found.push(`${id} events log`);
      }
    }
    for (const [name, server] of world.servers) {
      if (!has(world, name)) continue;
      if (server.reservations.filter((row) => row.eventId === id).length > 1) found.push(`${id} ${name}`);
      const ours = ids.includes(id) || server.reservations.some((row) => row.eventId === id);
      if (ours && server.operations.filter((row) => row.eventId === id).length > 1) found.push(`${id} ${name}`);
    }
  }
  return found;
}

function repeated(world: World, ids: readonly string[]): string[] {
  const known = [...new Set([...ids, ...world.commands.flat().flatMap((record) => record?.eventId ?? []), ...world.events.flat().flatMap((d) => d.eventId ?? [])])];
  return known.flatMap((id) => {
    const places = has(world, 'commands') ? placesOf(world, id).length : 0;
    const decisions = has(world, 'events') ? decisionsOf(world, id).length : 0;
    return [...(places > 1 ? [`${id} commands ${places}`] : []), ...(decisions > 1 ? [`${id} events ${decisions}`] : [])];
  });
}

function phantoms(world: World, ids: readonly string[], refused: readonly string[]): string[] {
  const seen = [
    ...(has(world, 'commands') ? world.commands.flatMap((log, p) => log.filter((_, offset) => offset >= (world.commandsStart[p] ?? 0))).flatMap((record) => (record?.tenant === world.tenant ? [record.eventId] : [])) : []),
    ...(has(world, 'events') ? world.events.flat().flatMap((d) => (d.eventId !== null && (d.reservation?.tenant ?? world.tenant) === world.tenant ? [d.eventId] : [])) : []),
    ...[...world.servers].filter(([name]) => has(world, name)).flatMap(([, server]) => [...server.reservations.map((row) => row.eventId), ...server.operations.map((row) => row.eventId).filter((id) => ids.includes(id))]),
    ...(has(world, 'api') ? world.api.flatMap(([id, answer]) => (answer.kind === 'operation' ? [id] : [])) : []),
  ];
  return seen.flatMap((id) => {
    if (!ids.includes(id)) return [`${id} never invoked`];
    return refused.includes(id) ? [`${id} refused`] : [];
  });
}

function oversold(world: World): string[] {
  const sources: [string, { id: string; resource: string; start: number; end: number; quantity: number }[]][] = [];
  if (has(world, 'events')) {
    const accepted = world.events.flat().flatMap((d) => (d.decision === 'accepted' && d.reservation?.tenant === world.tenant ? [d.reservation] : []));
    const once = accepted.filter((r, at) => accepted.findIndex((other) => other.id === r.id) === at);
    sources.push(['events log', once.map((r) => ({ id: r.id, resource: r.resource, start: Date.parse(r.slot.start), end: Date.parse(r.slot.end), quantity: r.quantity }))]);
  }
  for (const [name, server] of world.servers) {
    if (has(world, name)) sources.push([name, server.reservations.map((r) => ({ id: r.reservationId, resource: r.resource, start: r.slotStartMs, end: r.slotEndMs, quantity: r.quantity }))]);
  }
  return sources.flatMap(([source, held]) =>
    held.flatMap((at) => {
      const together = held.filter((other) => other.resource === at.resource && other.start <= at.start && at.start < other.end);
      return together.reduce((sum, other) => sum + other.quantity, 0) > world.capacity ? [`${source} ${at.resource}`] : [];
    }),
  );
}

function outOfOrder(world: World, ids: readonly string[], acks: readonly Ack[]): string[] {
  const found: string[] = [];
  if (has(world, 'commands')) {
    for (const a of acks) {
      for (const b of ids) {
        const sent = Math.min(...world.ops.filter((op) => op.eventId === b).map((op) => op.sentUs));
        const sameKey = world.ops.some((op) => op.eventId === b && op.resource === a.resource);
        const [placeA] = placesOf(world, a.id);
        const [placeB] = placesOf(world, b);
        if (sameKey && placeA !== undefined && placeB !== undefined && sent > a.ackUs && placeB.offset < placeA.offset) found.push(`acknowledgements ${a.id}`);
      }
    }
  }
  if (!has(world, 'events')) return found;
  const resourceOf = (id: string): string | undefined => world.ops.find((op) => op.eventId === id)?.resource;
  for (const id of ids) {
    for (const own of decisionsOf(world, id)) {
      const before = ids.filter((other) => resourceOf(other) === resourceOf(id)).flatMap((other) => decisionsOf(world, other)).filter((other) => other.at < own.at);
      const offset = Number(own.decision.commandOffset);
      const again = before.some((other) => Number(other.decision.commandOffset) === offset);
      if (!again && before.some((other) => Number(other.decision.commandOffset) > offset)) found.push(`decisions ${id}`);
    }
  }
  return found;
}
