import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  type IdGenerator,
  RandomIdGenerator,
  type SpanExporter,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { QueueGuard, type SpanFate } from './guard.ts';
import type { ExportSettings } from './settings.ts';
import type { OpenSpan, Recorder, SpanPlan } from './spans.ts';
import type { TraceParent } from './traceparent.ts';

/** Everything of OpenTelemetry's SDK is in this file, which is loaded only when there is an endpoint. */
export interface OtlpRecorder extends Recorder {
  /** Spans that no collector took yet. */
  readonly waiting: number;
  /** Sends what waits. May take as long as an export may. */
  close(): Promise<void>;
}

const KINDS = { server: SpanKind.SERVER, producer: SpanKind.PRODUCER, consumer: SpanKind.CONSUMER } as const;
const SCOPE = 'uplift';
/** ExportResultCode.SUCCESS of @opentelemetry/core. */
const EXPORTED = 0;
/** No attribute of ours is longer; a caller's header might be. */
const LONGEST_ATTRIBUTE = 512;

/** Records spans and sends them in batches over OTLP/gRPC. Whether a trace is recorded was decided before. */
export function openOtlp(
  settings: ExportSettings,
  onFate: (fate: SpanFate, spans: number) => void,
): OtlpRecorder {
  const guard = new QueueGuard({ max: settings.maxQueue, onFate });
  const exporter = new OTLPTraceExporter({ url: settings.endpoint, timeoutMillis: settings.timeoutMs });
  const batches = new BatchSpanProcessor({
    exporter: counted(exporter, guard),
    maxQueueSize: settings.maxQueue,
    maxExportBatchSize: settings.maxBatch,
    scheduledDelayMillis: settings.everyMs,
    // Beyond the exporter's own, which always answers: so every batch is counted once.
    exportTimeoutMillis: settings.timeoutMs + 1000,
  });
  const ids = new Ids();
  const provider = new TracerProvider({
    resource: resourceFromAttributes(settings.resource),
    sampler: new AlwaysOnSampler(),
    idGenerator: ids,
    spanLimits: { attributeValueLengthLimit: LONGEST_ATTRIBUTE },
    spanProcessors: [
      {
        onStart: () => undefined,
        onEnd: (span) => {
          if (guard.admit()) batches.onEnd(span);
        },
        forceFlush: () => batches.forceFlush(),
        shutdown: () => batches.shutdown(),
      },
    ],
  });
  const tracer = provider.getTracer(SCOPE);
  return {
    get waiting() {
      return guard.waiting;
    },
    start: (plan) => {
      ids.next = plan.traceId;
      const { name, attributes, startMs } = plan;
      const options = {
        kind: KINDS[plan.kind],
        attributes,
        ...(startMs === undefined ? {} : { startTime: startMs }),
      };
      return opened(tracer.startSpan(name, options, contextOf(plan)));
    },
    close: () => {
      guard.close();
      return provider.shutdown();
    },
  };
}

/** Random ids, but for the trace id that a span was asked to begin its trace with. */
class Ids implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  next: string | undefined;

  generateTraceId(): string {
    const id = this.next ?? this.#random.generateTraceId();
    this.next = undefined;
    return id;
  }

  generateSpanId(): string {
    return this.#random.generateSpanId();
  }
}

/** An exporter whose every answer is counted. */
function counted(exporter: SpanExporter, guard: QueueGuard): SpanExporter {
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        guard.settled(spans.length, result.code === EXPORTED);
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}

function contextOf({ parent }: SpanPlan): Context {
  if (parent === undefined) return ROOT_CONTEXT;
  const { traceId, spanId } = parent;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  });
}

function opened(span: Span): OpenSpan {
  const { traceId, spanId } = span.spanContext();
  const context: TraceParent = { traceId, spanId, sampled: true };
  return {
    context,
    end: (attributes, error) => {
      if (attributes !== undefined) span.setAttributes(attributes);
      if (error !== undefined) {
        span.setAttribute('error.type', error);
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end();
    },
  };
}
