import { decodeToken } from '../contract/token.ts';
import type { Op } from './entries.ts';
import { positionKey } from './final-reads.ts';
import type { LoadVerb } from './stories.ts';
import type { ClaimedPosition } from './verdicts.ts';

/** All attempts at one event id, as one. */
export interface EventHistory {
  readonly eventId: string;
  readonly verb: LoadVerb;
  /** Id of the reservation it is about; null for what makes one. */
  readonly reservation: string | null;
  readonly resource: string;
  readonly partition: number;
  /** acknowledged: some attempt got its 202; refused: every attempt certainly had no effect; unknown: neither. */
  readonly state: 'acknowledged' | 'unknown' | 'refused';
  readonly firstSentUs: number;
  /** Of the first 202; NaN when there is none. */
  readonly acknowledgedUs: number;
  readonly claims: readonly ClaimedPosition[];
}

interface Building {
  readonly verb: LoadVerb;
  readonly reservation: string | null;
  readonly resource: string;
  readonly partition: number;
  firstSentUs: number;
  acknowledgedUs: number;
  open: boolean;
  readonly tokens: string[];
}

/** Groups attempts by event id. */
export function eventsOf(ops: readonly Op[]): ReadonlyMap<string, EventHistory> {
  const building = new Map<string, Building>();
  for (const op of ops) {
    let event = building.get(op.eventId);
    if (event === undefined) {
      event = {
        verb: op.verb,
        reservation: op.reservation,
        resource: op.resource,
        partition: op.partition,
        firstSentUs: op.sentUs,
        acknowledgedUs: Number.NaN,
        open: false,
        tokens: [],
      };
      building.set(op.eventId, event);
    }
    event.firstSentUs = Math.min(event.firstSentUs, op.sentUs);
    if (op.outcome === 'ok') {
      const doneUs = op.doneUs ?? op.sentUs;
      event.acknowledgedUs = Number.isNaN(event.acknowledgedUs)
        ? doneUs
        : Math.min(event.acknowledgedUs, doneUs);
      if (op.token !== null) event.tokens.push(op.token);
    } else if (op.outcome !== 'fail') {
      event.open = true;
    }
  }
  const events = new Map<string, EventHistory>();
  for (const [eventId, event] of building) events.set(eventId, finished(eventId, event));
  return events;
}

function finished(eventId: string, event: Building): EventHistory {
  const { verb, reservation, resource, partition, firstSentUs, acknowledgedUs } = event;
  const unacknowledged = event.open ? 'unknown' : 'refused';
  const state = Number.isNaN(acknowledgedUs) ? unacknowledged : 'acknowledged';
  const claims = event.tokens.flatMap((token) => claimOf(token) ?? []);
  return { eventId, verb, reservation, resource, partition, state, firstSentUs, acknowledgedUs, claims };
}

function claimOf(text: string): ClaimedPosition | undefined {
  const token = decodeToken(text);
  if (token === undefined) return undefined;
  return { topicId: token.topicId, partition: token.partition, offset: token.commandOffset };
}

/** Every position an acknowledgement of this history names, as `partition/offset`: for `foldCommands`. */
export function claimedPositions(ops: readonly Op[]): ReadonlySet<string> {
  const claimed = new Set<string>();
  for (const op of ops) {
    const claim = op.token === null ? undefined : claimOf(op.token);
    if (claim !== undefined) claimed.add(positionKey(claim));
  }
  return claimed;
}
