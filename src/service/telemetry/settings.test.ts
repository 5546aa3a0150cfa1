import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseEnv } from '../env.ts';
import { exportSettings, parseAttributes, samplingSettings, trustsCallers } from './settings.ts';

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4317' };
const settingsOf = (env: Record<string, string>) => exportSettings(parseEnv(env), 'gateway');

describe('the telemetry environment', () => {
  test.each([
    ['no endpoint', {}],
    ['an empty endpoint', { OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
    ['a disabled SDK', { ...ENDPOINT, OTEL_SDK_DISABLED: 'true' }],
    ['no exporter for traces', { ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }],
  ])('with %s exports nothing', (_, env) => {
    expect(settingsOf(env)).toBeUndefined();
  });

  test('names the service by its role unless it is told another name', () => {
    expect(settingsOf({ ...ENDPOINT, INSTANCE: 'gateway-1' })?.resource).toEqual({
      'service.name': 'uplift-gateway',
      'service.instance.id': 'gateway-1',
    });
    const named = {
      OTEL_SERVICE_NAME: 'booking',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=no,team=a%2Cb,broken=%',
    };
    expect(settingsOf({ ...ENDPOINT, ...named })?.resource).toMatchObject({
      'service.name': 'booking',
      team: 'a,b',
    });
  });

  test('prefers the endpoint of traces, and never makes a batch larger than its queue', () => {
    const env = {
      ...ENDPOINT,
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://traces:4317',
      OTEL_BSP_MAX_QUEUE_SIZE: '100',
    };
    expect(settingsOf(env)).toMatchObject({ endpoint: 'https://traces:4317', maxQueue: 100, maxBatch: 100 });
  });

  test('samples as the standard says, the caller’s decision first', () => {
    const env = { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.01' };
    expect(samplingSettings(parseEnv(env))).toEqual({ parentBased: true, ratio: 0.01 });
    expect(samplingSettings(parseEnv({}))).toEqual({ parentBased: true, ratio: 1 });
  });

  test.each([
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317' },
    { OTEL_TRACES_SAMPLER: 'sometimes' },
    { OTEL_TRACES_SAMPLER_ARG: '1.5' },
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' },
  ])('that is wrong is named at the start: %o', (env) => {
    expect(() => parseEnv(env)).toThrow(Object.keys(env)[0]);
  });

  test('says whether callers are believed', () => {
    expect(trustsCallers(parseEnv({}))).toBe(true);
    expect(trustsCallers(parseEnv({ OTEL_PROPAGATORS: 'none' }))).toBe(false);
  });

  test('resource attributes come back as they were written, and nothing throws', () => {
    const key = fc.stringMatching(/^[a-z][a-z0-9.]{0,20}$/);
    fc.assert(
      fc.property(
        fc.dictionary(key, fc.string({ unit: 'binary', maxLength: 20 }), { maxKeys: 5 }),
        (wanted) => {
          const pairs = Object.entries(wanted).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
          expect(parseAttributes(pairs.join(','))).toEqual({ ...wanted });
        },
      ),
    );
    fc.assert(fc.property(fc.string(), (text) => void parseAttributes(text)));
  });
});
