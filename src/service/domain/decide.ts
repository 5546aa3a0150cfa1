import { resourceKey } from '../../contract/ids.ts';
import { type Command, commandSchema, type Decision } from '../../contract/records.ts';
import { RULES } from './rules.ts';
import type { FoldState } from './state.ts';
import { peak } from './timeline.ts';

/** A record of the commands topic, as far as it decides. */
export interface CommandRecord {
  readonly offset: bigint;
  /** The broker's own (LogAppendTime). */
  readonly timestampMs: number;
  readonly value: Uint8Array | null;
}

type Verdict = Pick<Decision, 'decision' | 'eventId' | 'reservation' | 'reason' | 'first'>;

const utf8 = new TextDecoder('utf-8', { fatal: true });
const REASON_MAX = 200;

/**
 * The one decision of a command, from the state before it. Pure: the same state and record give the same decision in
 * every process, so a zombie that decides again does no harm. Does not change the state.
 */
export function decide(state: FoldState, record: CommandRecord): Decision {
  const logTimeMs = Math.max(state.logTimeMs, record.timestampMs);
  const { decision, eventId, reservation, reason, first } = judge(state, record, logTimeMs);
  return {
    v: 1,
    decision,
    rulesVersion: RULES.version,
    commandOffset: record.offset.toString(),
    previousCommandOffset: state.lastCommandOffset.toString(),
    logTimeMs,
    eventId,
    reservation,
    reason,
    first,
  };
}

function judge(state: FoldState, record: CommandRecord, logTimeMs: number): Verdict {
  const command = parseCommand(record.value);
  if (typeof command === 'string') return unparseable(command);
  const { eventId } = command;
  const first = state.firsts.get(eventId);
  if (first !== undefined) {
    return {
      decision: 'repeated',
      eventId,
      reservation: first.reservation,
      reason: null,
      first: { commandOffset: first.commandOffset, decision: first.decision },
    };
  }
  // Compared with this record's own time, so that every copy of the command expires before its id is forgotten.
  if (command.notAfterMs > record.timestampMs + RULES.longestWindowMs) {
    return unparseable(`notAfterMs is more than ${RULES.longestWindowMs} ms after the log time`);
  }
  if (logTimeMs > command.notAfterMs) {
    return { decision: 'expired', eventId, reservation: null, reason: 'expired', first: null };
  }
  if (!fits(state, command)) {
    return { decision: 'rejected', eventId, reservation: null, reason: 'full', first: null };
  }
  const { reservationId: id, tenant, resource, slot, quantity } = command;
  return {
    decision: 'accepted',
    eventId,
    reservation: { id, tenant, resource, slot: { start: slot.start, end: slot.end }, quantity },
    reason: null,
    first: null,
  };
}

/** Capacity holds at every instant of the slot, so the peak of what is taken within it decides. */
function fits(state: FoldState, command: Command): boolean {
  const timeline = state.taken.get(resourceKey(command.tenant, command.resource));
  const highest =
    timeline === undefined ? 0 : peak(timeline, Date.parse(command.slot.start), Date.parse(command.slot.end));
  return highest + command.quantity <= RULES.capacityPerResource;
}

function unparseable(reason: string): Verdict {
  return {
    decision: 'unparseable',
    eventId: null,
    reservation: null,
    reason: reason.slice(0, REASON_MAX),
    first: null,
  };
}

/** The command, or why it is none. The reason is deterministic: it names fields and rules, never engine messages. */
function parseCommand(value: Uint8Array | null): Command | string {
  if (value === null) return 'no value';
  let json: unknown;
  try {
    json = JSON.parse(utf8.decode(value));
  } catch {
    return 'not JSON in UTF-8';
  }
  const parsed = commandSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  return issue === undefined
    ? 'not a command'
    : `not a command: ${issue.path.join('.') || 'value'}: ${issue.code}`;
}
