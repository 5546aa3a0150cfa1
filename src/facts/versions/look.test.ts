import { expect, test } from 'vitest';
import { collectVersions } from './look.ts';

const away = () => Promise.reject(new Error('connection refused'));
const answering = (version: string) => ({
  query: async () => ({ rows: [{ version }], rowCount: 1 }) as never,
});

test('every server is named with its version, or with why it has none', async () => {
  const versions = await collectVersions({
    kafka: async () => ({ clusterId: 'abc', metadataVersion: 30 }),
    postgres: [
      { name: 'az_a', ask: answering('15.18') },
      { name: 'az_b', ask: { query: away } },
    ],
    redis: [
      { address: '127.0.0.1:7000', info: async () => new Map([['redis_version', '7.0.15']]) },
      { address: '127.0.0.1:7001', info: away },
    ],
    timeoutMs: 10,
  });
  const reason = 'connection refused';
  expect(versions).toEqual([
    { system: 'kafka', name: 'cluster abc', version: 'metadata.version 30' },
    { system: 'postgres', name: 'az_a', version: '15.18' },
    { system: 'postgres', name: 'az_b', version: null, reason },
    { system: 'redis', name: '127.0.0.1:7000', version: '7.0.15' },
    { system: 'redis', name: '127.0.0.1:7001', version: null, reason },
  ]);
});

test('a Kafka that is away, or says nothing of its version, is a fact', async () => {
  const rest = { postgres: [], redis: [], timeoutMs: 10 };
  expect(await collectVersions({ ...rest, kafka: away })).toMatchObject([{ system: 'kafka', version: null }]);
  const silent = async () => ({ clusterId: 'abc', metadataVersion: null });
  expect(await collectVersions({ ...rest, kafka: silent })).toEqual([
    { system: 'kafka', name: 'cluster abc', version: null },
  ]);
});
