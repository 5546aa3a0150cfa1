/** A W3C trace context as it comes in a header: which trace, below which span, and whether it is recorded. */
export interface TraceParent {
  /** 32 hex digits, not all zero. */
  readonly traceId: string;
  /** 16 hex digits, not all zero. */
  readonly spanId: string;
  readonly sampled: boolean;
}

const SHAPE = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);
const SAMPLED = 1;
/** Longer than any version of the header is likely to get; what is longer is not read. */
const LONGEST = 256;

/**
 * Reads a `traceparent` header (W3C Trace Context, level 1). Undefined for anything that is not one: then a new trace
 * begins, it is never an error. Later versions are read as far as version 00 goes, as the standard asks.
 */
export function parseTraceparent(text: string | undefined): TraceParent | undefined {
  if (text === undefined || text.length > LONGEST) return undefined;
  const [, version, traceId = NO_TRACE, spanId = NO_SPAN, flags = '', rest] = SHAPE.exec(text) ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED };
}

/** The header of version 00 that says this. */
export function formatTraceparent({ traceId, spanId, sampled }: TraceParent): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

/**
 * The context of a request whose caller brought none: its operation id is the trace id, so that one finds the trace of
 * an operation, and the operation of a trace, without any table.
 */
export function ownTraceparent(operationId: string): string {
  return formatTraceparent({ traceId: operationId, spanId: operationId.slice(0, 16), sampled: false });
}
