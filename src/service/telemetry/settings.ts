import { z } from 'zod';
import { SAMPLERS, type Sampling, samplingOf } from './sampling.ts';

/** By the OpenTelemetry standard an empty variable is one that is not set. */
const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema);

const count = (least: number, most: number, usual: number) =>
  optional(z.coerce.number().int().min(least).max(most).default(usual));

const endpoint = optional(z.url({ protocol: /^https?$/ }).optional());
const text = optional(z.string().max(4096).optional());

/**
 * The variables of the OpenTelemetry standard that the roles read; without an endpoint nothing is traced. What the
 * exporter itself reads besides (headers, certificates, compression) keeps its standard names too.
 */
export const TELEMETRY_VARIABLES = {
  OTEL_SDK_DISABLED: optional(z.enum(['true', 'false']).default('false')),
  OTEL_TRACES_EXPORTER: optional(z.enum(['otlp', 'none']).default('otlp')),
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint,
  OTEL_EXPORTER_OTLP_PROTOCOL: optional(z.literal('grpc').default('grpc')),
  OTEL_EXPORTER_OTLP_TIMEOUT: count(100, 60_000, 10_000),
  OTEL_TRACES_SAMPLER: optional(z.enum(SAMPLERS).default('parentbased_always_on')),
  OTEL_TRACES_SAMPLER_ARG: optional(z.coerce.number().min(0).max(1).default(1)),
  /** Without `tracecontext` in it the trace headers of callers are not believed. */
  OTEL_PROPAGATORS: optional(z.string().max(256).default('tracecontext,baggage')),
  OTEL_SERVICE_NAME: text,
  OTEL_RESOURCE_ATTRIBUTES: text,
  OTEL_BSP_SCHEDULE_DELAY: count(10, 60_000, 5000),
  OTEL_BSP_EXPORT_TIMEOUT: count(100, 60_000, 30_000),
  OTEL_BSP_MAX_QUEUE_SIZE: count(1, 100_000, 2048),
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: count(1, 10_000, 512),
};
const schema = z.object(TELEMETRY_VARIABLES);
type Variables = z.infer<typeof schema>;

/** Where spans go and how many of them may wait. */
export interface ExportSettings {
  /** `http://…` is plain text, `https://…` TLS. */
  readonly endpoint: string;
  /** Of one export, retries included. */
  readonly timeoutMs: number;
  readonly everyMs: number;
  /** Spans in memory that no collector took yet; what comes beyond is dropped and counted. */
  readonly maxQueue: number;
  readonly maxBatch: number;
  readonly resource: Readonly<Record<string, string>>;
}

/** Undefined: nothing is exported. */
export function exportSettings(
  settings: Variables & { readonly INSTANCE: string },
  role: string,
): ExportSettings | undefined {
  const endpoint = settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? settings.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (endpoint === undefined || settings.OTEL_SDK_DISABLED === 'true') return undefined;
  if (settings.OTEL_TRACES_EXPORTER === 'none') return undefined;
  return {
    endpoint,
    timeoutMs: Math.min(settings.OTEL_EXPORTER_OTLP_TIMEOUT, settings.OTEL_BSP_EXPORT_TIMEOUT),
    everyMs: settings.OTEL_BSP_SCHEDULE_DELAY,
    maxQueue: settings.OTEL_BSP_MAX_QUEUE_SIZE,
    maxBatch: Math.min(settings.OTEL_BSP_MAX_EXPORT_BATCH_SIZE, settings.OTEL_BSP_MAX_QUEUE_SIZE),
    resource: {
      'service.name': `uplift-${role}`,
      'service.instance.id': settings.INSTANCE,
      ...parseAttributes(settings.OTEL_RESOURCE_ATTRIBUTES ?? ''),
      ...(settings.OTEL_SERVICE_NAME === undefined ? {} : { 'service.name': settings.OTEL_SERVICE_NAME }),
    },
  };
}

export function samplingSettings(settings: Variables): Sampling {
  return samplingOf(settings.OTEL_TRACES_SAMPLER, settings.OTEL_TRACES_SAMPLER_ARG);
}

/** Whether the trace headers of callers are believed. */
export function trustsCallers({ OTEL_PROPAGATORS }: Pick<Variables, 'OTEL_PROPAGATORS'>): boolean {
  return OTEL_PROPAGATORS.split(',').some((name) => name.trim() === 'tracecontext');
}

/** `key=value,key=value`, values percent-encoded. A pair that cannot be read is left out, as the standard asks. */
export function parseAttributes(pairs: string): Record<string, string> {
  const read = pairs.split(',').flatMap((pair): (readonly [string, string])[] => {
    const at = pair.indexOf('=');
    const key = pair.slice(0, Math.max(at, 0)).trim();
    if (key === '') return [];
    try {
      return [[key, decodeURIComponent(pair.slice(at + 1).trim())]];
    } catch {
      return [];
    }
  });
  return Object.fromEntries(read);
}
