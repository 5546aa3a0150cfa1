import { type Command, type Decision, decisionSchema, RECORD_HEADERS } from '../../contract/records.ts';

type HeaderList = readonly (readonly [key: Buffer, value: Buffer | null])[];

const HEADER_KEYS = RECORD_HEADERS.map((name) => Buffer.from(name, 'utf8'));
const VERSION = Buffer.from('1');
const NONE = Buffer.alloc(0);
const KINDS = { command: Buffer.from('command'), decision: Buffer.from('decision') } as const;

/** The four headers of our records in their fixed order (RECORD_HEADERS). */
export function recordHeaders(
  kind: 'command' | 'decision',
  eventId: string | null,
  traceparent: Buffer | null,
): HeaderList {
  const values = [
    KINDS[kind],
    VERSION,
    eventId === null ? NONE : Buffer.from(eventId, 'utf8'),
    traceparent ?? NONE,
  ];
  return HEADER_KEYS.map((key, index) => [key, values[index] ?? NONE] as const);
}

/** The trace header of a record, or null. */
export function traceparentOf(headers: HeaderList): Buffer | null {
  return headers.find(([key]) => key.toString('utf8') === 'traceparent')?.[1] ?? null;
}

export function encodeCommand(command: Command): Buffer {
  return Buffer.from(JSON.stringify(command), 'utf8');
}

/** Same decision, same bytes: the fold builds its fields in one order. */
export function encodeDecision(decision: Decision): Buffer {
  return Buffer.from(JSON.stringify(decision), 'utf8');
}

/** The decision in an event record, or undefined for anything that is not one. */
export function decodeDecision(value: Uint8Array | null): Decision | undefined {
  if (value === null) return undefined;
  try {
    const parsed = decisionSchema.safeParse(JSON.parse(Buffer.from(value).toString('utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
