import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import { withDeadline } from '../../core/wait.ts';
import type { Settings } from '../env.ts';
import type { SpanFate } from './guard.ts';
import { exportSettings, samplingSettings } from './settings.ts';
import { type Tracing, tracingOf } from './spans.ts';

/** What a role may take for its last spans when it ends; whatever else it had to do is done by then. */
export const FLUSH_MS = 1500;

/** Tracing of one role. */
export interface Telemetry {
  /** Undefined: no endpoint is set, nothing is recorded, and nothing of the SDK was loaded. */
  readonly tracing: Tracing | undefined;
  /** Sends what waits, within FLUSH_MS. Never rejects. */
  close(): Promise<void>;
}

const OFF: Telemetry = { tracing: undefined, close: async () => undefined };

/** Opens tracing as the environment says; a collector that is away, now or later, is no error. */
export async function openTelemetry(
  settings: Settings,
  role: string,
  { registry, log }: { readonly registry: Registry; readonly log: Logger },
): Promise<Telemetry> {
  const target = exportSettings(settings, role);
  if (target === undefined) return OFF;
  // Takes a fifth of a second: paid by those who trace.
  const { openOtlp } = await import('./otlp.ts');
  const recorder = openOtlp(target, countFates(registry));
  new Gauge({
    name: 'uplift_trace_spans_waiting',
    help: 'Spans that no collector took yet',
    registers: [registry],
    collect() {
      this.set(recorder.waiting);
    },
  });
  const sampling = samplingSettings(settings);
  log.info({ endpoint: withoutUserInfo(target.endpoint), ...sampling }, 'traces are exported');
  return { tracing: tracingOf(recorder, sampling), close: () => flush(recorder, log) };
}

/** A URL as it may be logged: who asks, and with what password, is nobody's business. */
function withoutUserInfo(endpoint: string): string {
  const url = new URL(endpoint);
  if (url.username === '' && url.password === '') return endpoint;
  url.username = '';
  url.password = '';
  return url.href;
}

/** Counters that show 0 before the first span: a rate of nothing cannot be alerted on. */
function countFates(registry: Registry): (fate: SpanFate, spans: number) => void {
  const counter = new Counter({
    name: 'uplift_trace_spans_total',
    help: 'Spans by what became of them: exported, failed (the collector did not take them), dropped (too many waited)',
    labelNames: ['result'],
    registers: [registry],
  });
  const fates: readonly SpanFate[] = ['exported', 'failed', 'dropped'];
  for (const result of fates) counter.inc({ result }, 0);
  return (result, spans) => counter.inc({ result }, spans);
}

async function flush(
  recorder: { readonly waiting: number; close(): Promise<void> },
  log: Logger,
): Promise<void> {
  await withDeadline('the last spans', FLUSH_MS, recorder.close()).catch(() => undefined);
  if (recorder.waiting > 0)
    log.warn({ spans: recorder.waiting }, 'the collector did not take the last spans');
}
