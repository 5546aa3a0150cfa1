import type { TraceParent } from './traceparent.ts';

/** The samplers of the OpenTelemetry environment (OTEL_TRACES_SAMPLER). */
export const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;
export type SamplerName = (typeof SAMPLERS)[number];

/** Whether a trace is recorded is decided at its head: here, or by whoever began it. */
export interface Sampling {
  /** The decision of a caller counts; else it is made anew. */
  readonly parentBased: boolean;
  /** Share of the other traces that are recorded, 0 … 1. */
  readonly ratio: number;
}

/** What a sampler of the environment means; `ratio` counts for those that have one. */
export function samplingOf(name: SamplerName, ratio: number): Sampling {
  const parentBased = name.startsWith('parentbased_');
  if (name.endsWith('always_on')) return { parentBased, ratio: 1 };
  if (name.endsWith('always_off')) return { parentBased, ratio: 0 };
  return { parentBased, ratio };
}

/** 52 of the 56 bits of a trace id that are random by W3C Trace Context level 2: as many as a double holds. */
const RANDOM_AT = 18;
const RANDOM_DIGITS = 13;
const RANDOM_END = 16 ** RANDOM_DIGITS;

/**
 * Whether a trace is recorded. The same for every process that is asked about the same trace, and whoever records a
 * smaller share records a part of what one with a larger share does (OpenTelemetry: consistent probability sampling).
 */
export function isSampled(
  { parentBased, ratio }: Sampling,
  parent: TraceParent | undefined,
  traceId: string,
): boolean {
  if (parentBased && parent !== undefined) return parent.sampled;
  const random = Number.parseInt(traceId.slice(RANDOM_AT, RANDOM_AT + RANDOM_DIGITS), 16) / RANDOM_END;
  return random >= 1 - ratio;
}
