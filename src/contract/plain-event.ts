import {
  COMMAND_TYPES,
  DECISIONS,
  type Decision,
  LONGEST_NAME,
  NAME,
  OFFSET,
  type ReservationState,
  type Slot,
  STATUSES,
} from './records.ts';

/**
 * The checks of the event schema (`events.ts`) by hand, for what is read by the hundred thousand: some ten times faster
 * than the schema. It takes less: whatever it does not know as valid is left to the schema, so it may be too strict and never
 * too lax. A property test compares the two.
 */

type Json = Readonly<Record<string, unknown>>;

/** A moment as `toISOString` writes it; such texts are in the order of their times. 29 February is left to the schema. */
const MOMENT =
  /^\d{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;
const FIRST_DECISIONS: ReadonlySet<unknown> = new Set(['accepted', 'rejected', 'expired']);
const KNOWN = {
  commands: new Set<unknown>(COMMAND_TYPES),
  decisions: new Set<unknown>(DECISIONS),
  statuses: new Set<unknown>(STATUSES),
} as const;

const isText = (value: unknown): value is string => typeof value === 'string';
const isTextOrNull = (value: unknown): value is string | null => value === null || isText(value);
const isInt = (value: unknown): value is number => Number.isSafeInteger(value);
const isName = (value: unknown): value is string =>
  isText(value) && value.length <= LONGEST_NAME && NAME.test(value);
const isOffset = (value: unknown): value is string => isText(value) && OFFSET.test(value);
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;

/** The decision in the JSON of an event and its schema, if it is certainly one; undefined says nothing. */
export function plainEvent(
  json: unknown,
): { readonly schema: 1 | 2; readonly decision: Decision } | undefined {
  if (!isObject(json)) return undefined;
  const { v, decision, rulesVersion, commandOffset, previousCommandOffset, logTimeMs, eventId, tenant } =
    json;
  const { reason } = json;
  if (v !== 1 && v !== 2) return undefined;
  const command = v === 1 ? null : json.command;
  if (command !== null && !KNOWN.commands.has(command)) return undefined;
  if (!KNOWN.decisions.has(decision) || !isInt(rulesVersion) || !isInt(logTimeMs)) return undefined;
  if (!isOffset(commandOffset) || !isOffset(previousCommandOffset)) return undefined;
  if (!isTextOrNull(eventId) || !isTextOrNull(reason) || !(tenant === null || isName(tenant)))
    return undefined;
  const reservation = json.reservation === null ? null : stateIn(json.reservation);
  const first = json.first === null ? null : firstIn(json.first);
  const expired = json.expired === undefined ? [] : statesIn(json.expired);
  if (reservation === undefined || first === undefined || expired === undefined) return undefined;
  const known = {
    v: 1,
    command: command as Decision['command'],
    decision: decision as Decision['decision'],
    rulesVersion,
    commandOffset,
    previousCommandOffset,
    logTimeMs,
    eventId,
    tenant,
    reservation,
    reason,
    first,
    expired,
  } as const;
  return { schema: v, decision: known };
}

function firstIn(json: unknown): NonNullable<Decision['first']> | undefined {
  if (!isObject(json)) return undefined;
  const { commandOffset, decision } = json;
  if (!isOffset(commandOffset) || !FIRST_DECISIONS.has(decision)) return undefined;
  return { commandOffset, decision: decision as 'accepted' };
}

function statesIn(json: unknown): ReservationState[] | undefined {
  if (!Array.isArray(json)) return undefined;
  const states: ReservationState[] = [];
  for (const each of json) {
    const state = stateIn(each);
    if (state === undefined) return undefined;
    states.push(state);
  }
  return states;
}

function stateIn(json: unknown): ReservationState | undefined {
  if (!isObject(json)) return undefined;
  const { id, tenant, resource, quantity, status, version, holdUntilMs } = json;
  const slot = slotIn(json.slot);
  if (slot === undefined || !isText(id) || !isName(tenant) || !isName(resource)) return undefined;
  if (!isInt(quantity) || !isInt(version) || version < 1 || !KNOWN.statuses.has(status)) return undefined;
  if (holdUntilMs !== null && !isInt(holdUntilMs)) return undefined;
  const known = status as ReservationState['status'];
  return { id, tenant, resource, slot, quantity, status: known, version, holdUntilMs };
}

function slotIn(json: unknown): Slot | undefined {
  if (!isObject(json)) return undefined;
  const { start, end } = json;
  if (!isText(start) || !isText(end) || !MOMENT.test(start) || !MOMENT.test(end)) return undefined;
  return start < end ? { start, end } : undefined;
}
