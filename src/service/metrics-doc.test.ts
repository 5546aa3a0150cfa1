import { readFile } from 'node:fs/promises';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { Produce, Read } from '../clients/kafka/ports.ts';
import { parseEnv } from './env.ts';
import { addReliabilityMetrics } from './reliability/metrics.ts';
import { meteredProduce, meteredRead } from './runtime/flow-metrics.ts';
import { createMetrics } from './runtime/metrics.ts';
import { openTelemetry } from './telemetry/index.ts';
import { createUnknownMetrics } from './unknown/metrics.ts';

const PAGE = new URL('../../docs/telemetry.md', import.meta.url);

/** Names in the first column of the table, as often as they stand there. */
async function documented(): Promise<string[]> {
  const section = (await readFile(PAGE, 'utf8')).split('\n## Metrics\n')[1] ?? '';
  const rows = [...section.matchAll(/^\| (`uplift_[^|]*)\|/gm)];
  return rows.flatMap(([, names = '']) => [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name));
}

/** Names of what the roles register, all in one registry. */
async function registered(): Promise<string[]> {
  const { registry } = createMetrics();
  createUnknownMetrics(registry);
  meteredProduce({} as Produce, registry);
  meteredRead({} as Read, registry);
  addReliabilityMetrics(registry, () => Promise.reject(new Error('not asked')), Date.now);
  const settings = parseEnv({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' });
  const telemetry = await openTelemetry(settings, 'gateway', { registry, log: pino({ level: 'silent' }) });
  await telemetry.close();
  return registry.getMetricsAsArray().map(({ name }) => name);
}

test('the table in docs/telemetry.md names every metric that is registered, once, and no other', async () => {
  const [inTable, inCode] = await Promise.all([documented(), registered()]);
  expect(inCode.length).toBeGreaterThan(50);
  expect(inTable.toSorted()).toEqual(inCode.toSorted());
});
