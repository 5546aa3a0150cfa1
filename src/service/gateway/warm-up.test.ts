import { beforeEach, describe, expect, test } from 'vitest';
import type { Sql } from '../../clients/postgres/index.ts';
import { TOPICS } from '../../contract/records.ts';
import { UpliftError } from '../../core/error.ts';
import { createMetrics } from '../runtime/metrics.ts';
import { cachesProbe } from '../runtime/warm-up.ts';
import { TenantLimiter } from './rate-limit.ts';
import { Reader } from './reader.ts';
import { gatewayParts } from './warm-up.ts';

/** A gateway whose surroundings answer, each of which can be taken away. */
function world() {
  const control = {
    topicId: 'id' as string | undefined,
    learnError: undefined as Error | undefined,
    claimsIn: 'redis' as 'redis' | 'postgres' | 'nowhere' | 'notAsked',
    idsError: undefined as Error | undefined,
    writerAway: false,
    replicaAway: false,
    redisAway: false,
    hasLooked: true,
  };
  const learned: string[] = [];
  const taken: string[] = [];
  const sqlThat = (isAway: () => boolean): Sql => ({
    query: async () => {
      if (isAway()) throw new UpliftError('UPL-POSTGRES-UNREACHABLE', { message: 'away' });
      return { rows: [], rowCount: 0 };
    },
    transaction: async () => ({ state: 'unknown', reason: 'not used' }),
    close: async () => undefined,
  });
  const writer = sqlThat(() => control.writerAway);
  const replicas = [sqlThat(() => control.replicaAway), sqlThat(() => false)];
  const limiter = new TenantLimiter({
    quotas: {
      take: async (name) => {
        if (control.redisAway) throw new UpliftError('UPL-REDIS-UNREACHABLE', { message: 'away' });
        taken.push(name);
        return { allowed: true, remaining: 1, nextMs: 0 };
      },
      close: async () => undefined,
    },
    policy: { quota: 10, windowMs: 1000 },
    metrics: createMetrics(),
  });
  const reader = new Reader({
    ...{ writer, replicas, region: 'local', partitions: 3, commandsTopicId: () => control.topicId },
    ...{ waitMs: 10, maxWaiting: 1, maxInFlight: 10, onRead: () => undefined },
  });
  const learn = async (topic: string): Promise<void> => {
    if (control.learnError !== undefined) throw control.learnError;
    learned.push(topic);
  };
  const parts = gatewayParts({
    produce: { learn },
    commandsTopicId: () => control.topicId,
    claims: { where: () => control.claimsIn },
    ids: {
      state: () => {
        if (control.idsError !== undefined) throw control.idsError;
        return 'worker 5';
      },
    },
    writer,
    replicas: replicas.length,
    reader,
    bloom: { hasLooked: () => control.hasLooked },
    limiter,
  });
  return { control, learned, taken, reader, probe: cachesProbe(parts) };
}

let gateway: ReturnType<typeof world>;
beforeEach(() => {
  gateway = world();
});

describe('the caches of a gateway', () => {
  test('are warm when all that the first request needs was used once', async () => {
    expect(await gateway.probe.run()).toBe(
      'warm: leaders of the commands topic, claims, reservation ids, writer, replicas, limits, filter of ids',
    );
    expect(gateway.learned).toEqual([TOPICS.commands]);
    expect(gateway.taken).toEqual(['(nobody)']);
  });

  test.each([
    ['the commands topic', { topicId: undefined }, `${TOPICS.commands} was not seen yet`],
    ['its leaders', { learnError: new Error('not open') }, 'leaders of the commands topic (not open)'],
    ['a store of claims', { claimsIn: 'notAsked' }, 'claims (no store was asked yet)'],
    ['any store of claims', { claimsIn: 'nowhere' }, 'claims (no store takes any)'],
    ['a worker id', { idsError: new Error('no worker id') }, 'reservation ids (no worker id)'],
    ['the writer', { writerAway: true }, 'writer (away)'],
    ['the filter', { hasLooked: false }, 'filter of ids (not looked up yet)'],
  ] as const)('are cold without %s, and say so', async (_, without, says) => {
    Object.assign(gateway.control, without);
    await expect(gateway.probe.run()).rejects.toThrow(says);
  });

  test('are warm without a replica, Redis and its limits: the writer and Postgres stand in', async () => {
    Object.assign(gateway.control, { replicaAway: true, redisAway: true, claimsIn: 'postgres' });
    expect(await gateway.probe.run()).toBe(
      'warm: leaders of the commands topic, reservation ids, writer, filter of ids; without: ' +
        'claims (Redis is away: Postgres takes them), replicas (1 of 2 away: the writer is read), ' +
        'limits (Redis is away: nobody is limited)',
    );
  });

  test('are cold without the topic and do not ask Kafka about one that is not there', async () => {
    gateway.control.topicId = undefined;
    await expect(gateway.probe.run()).rejects.toThrow('cold');
    expect(gateway.learned).toEqual([]);
  });
});

test('a replica that did not answer while warming up is left alone by the first read', async () => {
  gateway.control.replicaAway = true;
  expect(await gateway.reader.warm()).toBe(1);
  gateway.control.replicaAway = false;
  expect(await gateway.reader.warm()).toBe(1);
});
