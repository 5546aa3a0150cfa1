import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, test } from 'vitest';
import { startCollector, type TestCollector } from '../../../test/support/otlp-collector.ts';
import { waitFor } from '../../core/wait.ts';
import { parseEnv } from '../env.ts';
import { FLUSH_MS, openTelemetry, type Telemetry } from './index.ts';
import type { SpanPlan, Tracing } from './spans.ts';

let collector: TestCollector | undefined;

afterEach(async () => {
  await collector?.close();
  collector = undefined;
});

const PLAN: SpanPlan = {
  name: 'GET /v1/reservations/:id',
  kind: 'server',
  parent: undefined,
  attributes: { 'http.response.status_code': 200, 'http.route': '/v1/reservations/:id' },
};

async function open(env: Record<string, string>) {
  const registry = new Registry();
  const log = pino({ level: 'silent' });
  const telemetry: Telemetry = await openTelemetry(parseEnv(env), 'gateway', { registry, log });
  const metric = async (result: string): Promise<number> => {
    const { values = [] } = (await registry.getMetricsAsJSON()).find(
      ({ name }) => name === 'uplift_trace_spans_total',
    ) as { values?: { labels: { result?: string }; value: number }[] };
    return values.find(({ labels }) => labels.result === result)?.value ?? Number.NaN;
  };
  return { telemetry, tracing: telemetry.tracing as Tracing, registry, metric };
}

describe('the export of spans', () => {
  test('without an endpoint there is none, and no metric of it', async () => {
    const { telemetry, registry } = await open({});
    expect(telemetry.tracing).toBeUndefined();
    expect(await registry.getMetricsAsJSON()).toEqual([]);
    await telemetry.close();
  });

  test('says in the log where spans go, without the user and the password of the URL', async () => {
    const lines: string[] = [];
    const log = pino({}, { write: (line: string) => void lines.push(line) });
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://somebody:s3cret@127.0.0.1:1/' };
    const telemetry = await openTelemetry(parseEnv(env), 'gateway', { registry: new Registry(), log });
    await telemetry.close();
    const text = lines.join('');
    expect(text).toContain('http://127.0.0.1:1/');
    expect(text).not.toMatch(/somebody|s3cret/);
  });

  test('brings every span with ids, times, kind, attributes and service to the collector', async () => {
    collector = await startCollector();
    const { telemetry, tracing, metric } = await open({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint });
    const traceId = 'c'.repeat(32);
    const parent = tracing.start({ ...PLAN, traceId, startMs: Date.now() - 50 });
    const child = tracing.start({ ...PLAN, kind: 'producer', name: 'send x', parent: parent.context });
    child.end({ 'messaging.kafka.offset': 7 }, 'UPL-KAFKA-PRODUCE');
    parent.end({ 'http.response.status_code': 503 }, '503');
    await telemetry.close();
    const [first, second] = collector.spans.toSorted((a, b) => Number(a.startNs - b.startNs));
    expect(first).toMatchObject({
      service: 'uplift-gateway',
      name: PLAN.name,
      traceId,
      parentId: '',
      kind: 2,
      status: 2,
      attributes: {
        'http.route': '/v1/reservations/:id',
        'http.response.status_code': 503,
        'error.type': '503',
      },
    });
    expect(second).toMatchObject({ name: 'send x', traceId, parentId: first?.spanId, kind: 4, status: 2 });
    expect(second?.attributes).toMatchObject({
      'messaging.kafka.offset': 7,
      'error.type': 'UPL-KAFKA-PRODUCE',
    });
    const tookMs = Number((first?.endNs ?? 0n) - (first?.startNs ?? 0n)) / 1e6;
    expect(tookMs).toBeGreaterThanOrEqual(45);
    expect(tookMs).toBeLessThan(5000);
    expect([await metric('exported'), await metric('failed'), await metric('dropped')]).toEqual([2, 0, 0]);
  });

  test('to a collector that never answers is bounded: what comes beyond the queue is dropped and counted', async () => {
    collector = await startCollector({ silent: true });
    const { telemetry, tracing, metric } = await open({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_EXPORTER_OTLP_TIMEOUT: '300',
      OTEL_BSP_SCHEDULE_DELAY: '10',
      OTEL_BSP_MAX_QUEUE_SIZE: '20',
    });
    for (let at = 0; at < 100; at += 1) tracing.start(PLAN).end();
    expect(await metric('dropped')).toBe(80);
    // The export ends by its own deadline, and there is room again.
    await waitFor(async () => (await metric('failed')) === 20, {
      what: 'the export to fail',
      timeoutMs: 5000,
    });
    tracing.start(PLAN).end();
    expect(await metric('dropped')).toBe(80);
    expect(collector.calls).toBeGreaterThan(0);
    const startedMs = performance.now();
    await telemetry.close();
    expect(performance.now() - startedMs).toBeLessThan(FLUSH_MS + 500);
  });

  test('ends within its budget although the collector takes longer than that', async () => {
    collector = await startCollector({ silent: true });
    const { telemetry, tracing, metric } = await open({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint });
    tracing.start(PLAN).end();
    const startedMs = performance.now();
    await telemetry.close();
    const tookMs = performance.now() - startedMs;
    expect(tookMs).toBeGreaterThan(FLUSH_MS - 100);
    expect(tookMs).toBeLessThan(FLUSH_MS + 500);
    tracing.start(PLAN).end();
    expect(await metric('dropped')).toBe(1);
  });

  test('to nobody fails, and is counted', async () => {
    const { telemetry, tracing, metric } = await open({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
      OTEL_BSP_SCHEDULE_DELAY: '10',
      OTEL_EXPORTER_OTLP_TIMEOUT: '500',
    });
    tracing.start(PLAN).end();
    await waitFor(async () => (await metric('failed')) === 1, {
      what: 'the export to fail',
      timeoutMs: 5000,
    });
    await telemetry.close();
  });
});
