import { type FirstDecision, findDisagreements, findWrongEffect, firstDecision } from './checker-decision.ts';
import type { EventHistory } from './checker-events.ts';
import { type FinalReads, type Position, type PostgresRead, positionKey } from './final-reads.ts';
import type { ClaimedPosition, Disagreement, Ends, Hop, Lost, Moved } from './verdicts.ts';

/** Where one acknowledged command was followed to. */
export interface Trace {
  readonly end: keyof Ends;
  readonly lost: Lost | null;
  readonly moved: readonly Moved[];
  readonly disagreements: readonly Disagreement[];
  /** Hops that could not be judged, and why. */
  readonly open: readonly string[];
}

/** What one hop came to: it is there, it is gone, or the source does not say. */
type Hit =
  | { readonly kind: 'there' }
  | { readonly kind: 'gone'; readonly what: string }
  | { readonly kind: 'deadLettered' }
  | { readonly kind: 'open'; readonly why: string };

const THERE: Hit = { kind: 'there' };

interface Followed {
  readonly event: EventHistory;
  readonly reads: FinalReads;
  readonly positions: readonly Position[];
  readonly decision: FirstDecision | null;
}

/** Follows an acknowledged command hop by hop and names the first one that lost it. */
export function traceEvent(event: EventHistory, reads: FinalReads): Trace {
  const positions = reads.commands?.positions.get(event.eventId) ?? [];
  const followed: Followed = {
    event,
    reads,
    positions,
    decision: firstDecision(reads.events?.decisions.get(event.eventId) ?? []),
  };
  const open: string[] = [];
  const moved = movedOf(followed);
  for (const { hop, look } of hopsOf(reads)) {
    const hit = look(followed);
    if (hit.kind === 'open') open.push(hit.why);
    if (hit.kind === 'deadLettered')
      return { end: 'deadLettered', lost: null, moved, disagreements: [], open };
    if (hit.kind === 'gone') {
      const lost: Lost = {
        eventId: event.eventId,
        verb: event.verb,
        reservation: event.reservation,
        hop,
        acknowledgedUs: event.acknowledgedUs,
        claimed: event.claims[0] ?? null,
        whatStandsThere: hit.what,
        alsoIn: sourcesWith(event.eventId, reads, hop),
      };
      return { end: 'lost', lost, moved, disagreements: [], open };
    }
  }
  return {
    end: endOf(followed),
    lost: null,
    moved,
    disagreements: [
      ...findWrongEffect(event, followed.decision),
      ...findDisagreements(event.eventId, reads, followed.decision),
    ],
    open,
  };
}

interface HopLook {
  readonly hop: Hop;
  readonly look: (followed: Followed) => Hit;
}

function hopsOf(reads: FinalReads): HopLook[] {
  return [
    { hop: 'gateway → commands log', look: inCommands },
    { hop: 'commands log → events log', look: inEvents },
    { hop: 'events log → writer', look: (followed) => inServer(followed, reads.servers.writer) },
    ...reads.servers.replicas.map(
      (name): HopLook => ({ hop: `writer → replica ${name}`, look: (followed) => inServer(followed, name) }),
    ),
    { hop: 'writer → API', look: inApi },
  ];
}

function inCommands({ event, reads, positions }: Followed): Hit {
  const commands = reads.commands;
  if (commands === null) return { kind: 'open', why: 'the commands log was not read' };
  if (positions.length > 0) return THERE;
  const claimed = event.claims[0];
  const partition = claimed?.partition ?? event.partition;
  const bounds = commands.bounds.get(partition);
  if (bounds === undefined) return { kind: 'open', why: `commands partition ${partition} was not read` };
  const expected = claimed?.topicId === commands.topicId ? claimed.offset : null;
  // Retention may have taken it: then the log cannot be asked any more.
  if (bounds.startOffset > (expected ?? 0n) && sameTopic(claimed, commands.topicId)) {
    return {
      kind: 'open',
      why: `commands partition ${partition} begins at ${bounds.startOffset}, after acknowledged positions`,
    };
  }
  return { kind: 'gone', what: standingAt(claimed, reads) };
}

function sameTopic(claimed: ClaimedPosition | undefined, topicId: string): boolean {
  return claimed === undefined || claimed.topicId === topicId;
}

/** What the commands log shows at the position an acknowledgement claims. */
function standingAt(claimed: ClaimedPosition | undefined, reads: FinalReads): string {
  const commands = reads.commands;
  if (commands === null) return 'the commands log was not read';
  if (claimed === undefined) return 'the acknowledgement names no readable position';
  if (claimed.topicId !== commands.topicId)
    return `the acknowledgement is of another topic (${claimed.topicId})`;
  const bounds = commands.bounds.get(claimed.partition);
  if (bounds === undefined) return 'its partition was not read';
  if (claimed.offset >= bounds.endOffset) return `beyond the end (${bounds.endOffset})`;
  if (claimed.offset < bounds.startOffset) return `before the start (${bounds.startOffset})`;
  return commands.standing.get(positionKey(claimed)) ?? 'holds no record';
}

function movedOf({ event, reads, positions }: Followed): Moved[] {
  const commands = reads.commands;
  if (commands === null || positions.length === 0) return [];
  const holds = (claim: ClaimedPosition): boolean =>
    claim.topicId === commands.topicId &&
    positions.some((at) => at.partition === claim.partition && at.offset === claim.offset);
  return event.claims
    .filter((claim) => !holds(claim))
    .map((claimed) => ({
      eventId: event.eventId,
      claimed,
      found: positions,
      whatStandsThere: standingAt(claimed, reads),
    }));
}

function inEvents({ event, reads, positions, decision }: Followed): Hit {
  const events = reads.events;
  if (events === null) return { kind: 'open', why: 'the events log was not read' };
  if (decision !== null) return THERE;
  if (positions.some((at) => events.unparseable.has(positionKey(at)))) return { kind: 'deadLettered' };
  const at = positions[0] ?? event.claims[0];
  if (at === undefined) return { kind: 'open', why: 'commands whose position is not known have no decision' };
  const through = events.decidedThrough.get(at.partition) ?? -1n;
  if (through < at.offset)
    return { kind: 'open', why: `events partition ${at.partition} is decided only through ${through}` };
  return { kind: 'gone', what: `no decision for offset ${at.offset}, decided through ${through}` };
}

function inServer(followed: Followed, name: string): Hit {
  const { event, reads, decision } = followed;
  const server = reads.postgres.get(name);
  if (server === undefined) return { kind: 'open', why: `Postgres ${name} was not read` };
  const row = hasEffect(followed, server);
  const operation = server.operations.has(event.eventId);
  if (operation && (row || decision?.decision !== 'accepted')) return THERE;
  if (!operation && server.parked.has(event.eventId)) return parkedOn(followed, name);
  // Without a decision there is nothing this server ought to hold.
  if (decision === null)
    return { kind: 'open', why: `Postgres ${name} lacks operations whose decision is not known` };
  const through = server.decidedThrough.get(decision.partition) ?? -1n;
  if (through < decision.commandOffset) {
    return {
      kind: 'open',
      why: `Postgres ${name} is behind on partition ${decision.partition} (decided through ${through})`,
    };
  }
  return {
    kind: 'gone',
    what: `${operation ? missingEffect(event) : 'no operation row'}, decided through ${through}`,
  };
}

function missingEffect({ reservation }: EventHistory): string {
  return reservation === null ? 'no reservation row' : `reservation ${reservation} is as it was before`;
}

/** What was made is there; what was changed is there as it was after the change, or later. */
function hasEffect({ event, decision }: Followed, server: PostgresRead): boolean {
  if (event.reservation === null) return server.reservations.has(event.eventId);
  const asDecided = decision?.reservation;
  if (asDecided == null) return false;
  return server.byId.get(asDecided.id)?.some(({ version }) => version >= asDecided.version) === true;
}

/** Put aside and not applied since. A replica that still has it so while the writer has applied it is only behind. */
function parkedOn({ event, reads }: Followed, name: string): Hit {
  const applied = reads.postgres.get(reads.servers.writer)?.operations.has(event.eventId) === true;
  if (!applied) return { kind: 'deadLettered' };
  return { kind: 'open', why: `Postgres ${name} has dead letters that the writer has applied` };
}

function inApi({ event, reads }: Followed): Hit {
  if (reads.api === null) return { kind: 'open', why: 'the API was not read' };
  const answer = reads.api.answers.get(event.eventId);
  if (answer === undefined)
    return reads.api.sampled
      ? THERE
      : { kind: 'open', why: 'the API was not asked for every acknowledged operation' };
  if (answer.kind === 'operation') return THERE;
  if (answer.kind === 'noAnswer') return { kind: 'open', why: `the API did not answer (${answer.reason})` };
  return { kind: 'gone', what: 'answers 404' };
}

function endOf({ event, reads, decision }: Followed): keyof Ends {
  const known =
    decision?.decision ??
    reads.postgres.get(reads.servers.writer)?.operations.get(event.eventId)?.[0]?.decision;
  if (known === 'accepted') return 'accepted';
  if (known === 'rejected' || known === 'expired') return 'rejected';
  return known === 'unparseable' ? 'deadLettered' : 'unknown';
}

/** Sources behind a hop that hold the event although the hop lost it: a log cut off after it was read, for instance. */
function sourcesWith(eventId: string, reads: FinalReads, hop: Hop): string[] {
  const sources: string[] = [];
  if (hop !== 'commands log → events log' && reads.events?.decisions.has(eventId) === true)
    sources.push('events log');
  for (const [name, server] of reads.postgres) {
    if (server.operations.has(eventId) || server.reservations.has(eventId)) sources.push(name);
  }
  if (reads.api?.answers.get(eventId)?.kind === 'operation') sources.push('API');
  return sources;
}
