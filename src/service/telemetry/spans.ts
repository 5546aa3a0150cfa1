import type { RecordHeaders } from '../../contract/dead-letter.ts';
import { isSampled, type Sampling } from './sampling.ts';
import { parseTraceparent, type TraceParent } from './traceparent.ts';

export type SpanAttributes = Readonly<Record<string, string | number>>;

export interface SpanPlan {
  readonly name: string;
  readonly kind: 'server' | 'producer' | 'consumer';
  /** Undefined: the first span of a trace. */
  readonly parent: TraceParent | undefined;
  /** Of the trace that a span without a parent begins; undefined: a random one. */
  readonly traceId?: string | undefined;
  /** Wall clock, when it began before now. */
  readonly startMs?: number;
  readonly attributes: SpanAttributes;
}

export interface OpenSpan {
  /** To be the parent of others. */
  readonly context: TraceParent;
  /** Ends now. `error`: its low-cardinality type (`error.type`); the span then counts as failed. */
  end(attributes?: SpanAttributes, error?: string): void;
}

/** Records spans. Never throws, never waits. */
export interface Recorder {
  start(plan: SpanPlan): OpenSpan;
}

/** Which traces this process records, and where to. */
export interface Tracing extends Recorder {
  /** The context a record carries, if its trace is recorded here. */
  ofRecord(headers: RecordHeaders): TraceParent | undefined;
  isSampled(parent: TraceParent | undefined, traceId: string): boolean;
}

export function tracingOf(recorder: Recorder, sampling: Sampling): Tracing {
  return {
    start: (plan) => recorder.start(plan),
    isSampled: (parent, traceId) => isSampled(sampling, parent, traceId),
    ofRecord: (headers) => {
      const value = traceHeader(headers);
      // Most records: nothing is parsed for them.
      if (value === undefined || (sampling.parentBased && saysNotSampled(value))) return undefined;
      const parent = parseTraceparent(value.toString('latin1'));
      return parent !== undefined && isSampled(sampling, parent, parent.traceId) ? parent : undefined;
    },
  };
}

const NAME = Buffer.from('traceparent', 'utf8');
const ZERO = '0'.charCodeAt(0);
const HEADER_BYTES = 55;

/** The last one counts, should there be several. */
function traceHeader(headers: RecordHeaders): Buffer | undefined {
  for (let at = headers.length - 1; at >= 0; at -= 1) {
    const [key, value] = headers[at] ?? [];
    if (key?.length === NAME.length && key.equals(NAME)) return value ?? undefined;
  }
  return undefined;
}

/** Flags 00 at the end of a header of version 00, seen without reading the rest. */
function saysNotSampled(value: Buffer): boolean {
  return value.length === HEADER_BYTES && value[53] === ZERO && value[54] === ZERO;
}
