import { z } from 'zod';
import type { Json } from '../../core/step.ts';
import type { Entry } from '../../record/envelope.ts';
import { readLong } from '../../record/long-body.ts';
import { pendingUndo, STEP } from '../../steps/journal-kinds.ts';
import { RESULT_KIND } from '../engine/result.ts';
import { CONTEXT_KIND, ENDED_KIND } from './context.ts';

const nullable = <T extends z.ZodType>(type: T) => type.nullish().transform((value) => value ?? null);

const startedSchema = z.looseObject({ drill: z.string(), region: z.string(), environment: z.string() });
const contextSchema = z.looseObject({
  who: z.looseObject({ user: z.string(), host: z.string(), uplift: z.string(), node: z.string() }),
  approver: z.string().nullable(),
  configSha256: z.string(),
  versions: z.array(z.looseObject({ system: z.string(), name: z.string(), version: z.string().nullable() })),
});
const preflightSchema = z.looseObject({ target: z.string() });
const endedSchema = z.looseObject({
  execution: z.enum(['completed', 'aborted', 'interrupted', 'errored']),
  reason: nullable(z.string()),
});
/** Records of the first versions name some things otherwise, or not at all. */
const resultSchema = z.looseObject({
  hypothesis: z.enum(['held', 'deviated', 'inconclusive']),
  restored: z.enum(['restored', 'notRestored', 'nothingTouched']),
  reasons: z.array(z.string()),
  target: nullable(z.string()),
  fault: nullable(z.string()),
  faultAtMs: nullable(z.number()),
  recoveryTargetMs: z.number(),
  recovery: z.looseObject({ backInsideSloMs: z.number().nullable() }),
  restoredInMs: z.number().nullable(),
  topologyDiff: nullable(z.array(z.string())),
  judgement: z.looseObject({
    acknowledged: z.number(),
    lost: z.array(z.unknown()),
    duplicates: z.array(z.unknown()),
    unknown: z.number(),
  }),
  history: nullable(z.looseObject({ sha256: z.string() })),
  probe: nullable(
    z.looseObject({
      acknowledged: z.number(),
      lostCount: z.number(),
      history: z.looseObject({ sha256: z.string() }),
    }),
  ).catch(null),
});

/** What a drill's record says in short; what it does not say is null. */
export interface DrillOutcome {
  readonly drill: string;
  readonly region: string;
  readonly environment: string;
  readonly target: string | null;
  readonly execution: 'completed' | 'aborted' | 'interrupted' | 'errored' | null;
  /** Null: there is a result, and it is not written as this uplift reads it. */
  readonly hypothesis: 'held' | 'deviated' | 'inconclusive' | null;
  readonly restored: 'restored' | 'notRestored' | 'nothingTouched';
  /** Why it is not held, or how it ended. */
  readonly reasons: readonly string[];
  readonly context: z.output<typeof contextSchema> | null;
  readonly result: z.output<typeof resultSchema> | null;
}

/** The outcome that the lines of a journal tell, or undefined for a journal that is not of a drill. Pure. */
export function outcomeOf(entries: readonly Entry[]): DrillOutcome | undefined {
  const started = bodyOf(entries, 'drill.started', startedSchema);
  if (started === undefined) return undefined;
  const written = readLong(entries, RESULT_KIND);
  const result = written === undefined ? null : shaped(written, resultSchema);
  const ended = bodyOf(entries, ENDED_KIND, endedSchema);
  const { drill, region, environment } = started;
  const why = ended === undefined || ended.reason === null ? [] : [ended.reason];
  return {
    drill,
    region,
    environment,
    target: result?.target ?? bodyOf(entries, 'drill.preflight', preflightSchema)?.target ?? null,
    execution: ended?.execution ?? null,
    hypothesis: result?.hypothesis ?? (written === undefined ? 'inconclusive' : null),
    restored: result?.restored ?? restoredOf(entries),
    reasons: result === null || result.reasons.length === 0 ? why : result.reasons,
    context: bodyOf(entries, CONTEXT_KIND, contextSchema) ?? null,
    result,
  };
}

/** Of a run that came to no result: what its steps say. */
function restoredOf(entries: readonly Entry[]): DrillOutcome['restored'] {
  if (!entries.some(({ kind }) => kind === STEP.intent)) return 'nothingTouched';
  return pendingUndo(entries).length === 0 ? 'restored' : 'notRestored';
}

/** The body of the last line of a kind, where it has the shape that it should have. */
function bodyOf<S extends z.ZodType>(
  entries: readonly Entry[],
  wanted: string,
  schema: S,
): z.output<S> | undefined {
  return shaped(entries.findLast(({ kind }) => kind === wanted)?.body, schema) ?? undefined;
}

function shaped<S extends z.ZodType>(body: Json | undefined, schema: S): z.output<S> | null {
  const parsed = schema.safeParse(body);
  return parsed.success ? parsed.data : null;
}
