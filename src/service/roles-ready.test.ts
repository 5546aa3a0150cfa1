import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import type { Cluster, LearningProduce, Read } from '../clients/kafka/ports.ts';
import type { Sql } from '../clients/postgres/index.ts';
import { type Readyz, readyzSchema } from '../contract/http.ts';
import { TOPICS } from '../contract/records.ts';
import { UpliftError } from '../core/error.ts';
import { waitFor } from '../core/wait.ts';
import type { Adapters, RoleContext } from './adapters.ts';
import type { Env } from './env.ts';
import { runCommands, runGateway, runProjector, runSweeper } from './index.ts';

const ENV: Env = {
  KAFKA_BROKERS: 'h:9092',
  POSTGRES_URL: 'postgres://u@h/db',
  REDIS_NODES: 'h:6379',
  TOPIC_PARTITIONS: '1',
  SNOWFLAKE_WORKER: '5',
  DRAIN_NOTICE_MS: '0',
  HTTP_PORT: '0',
};

const ROLES = {
  gateway: runGateway,
  commands: runCommands,
  projector: runProjector,
  sweeper: runSweeper,
} as const;

const none = async (): Promise<undefined> => undefined;

/** Servers that answer what is asked of them here; topics and the producer as each test wants them. */
class World {
  topics: readonly string[] = [];
  produceError: Error | undefined;
  readonly learned: string[] = [];
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #port = 0;

  async start(role: keyof typeof ROLES): Promise<void> {
    const listening = Promise.withResolvers<number>();
    this.#running = ROLES[role](ENV, {
      adapters: this.#adapters(),
      log: pino({ level: 'silent' }),
      signal: this.#stop.signal,
      onListening: listening.resolve,
    } satisfies RoleContext);
    this.#port = await Promise.race([listening.promise, this.#running.then(() => 0)]);
  }

  async stop(): Promise<void> {
    this.#stop.abort('SIGTERM');
    await this.#running;
  }

  fetch(path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.#port}${path}`, { signal: AbortSignal.timeout(5000) });
  }

  /** The probe, once it is as wanted. */
  probe(name: string, is: (probe: Readyz['probes'][number]) => boolean): Promise<Readyz['probes'][number]> {
    const look = async () => {
      const { probes } = readyzSchema.parse(await (await this.fetch('/readyz')).json());
      const probe = probes.find((each) => each.name === name);
      if (probe !== undefined && is(probe)) return probe;
      throw new Error(JSON.stringify(probe));
    };
    return waitFor(look, { what: `probe ${name}`, timeoutMs: 10_000, intervalMs: 20 });
  }

  #adapters(): Adapters {
    const topic = (name: string) => ({ name, id: name, internal: false, partitions: [{ partition: 0 }] });
    const describeTopics = async ({ topics = [] }: { topics?: readonly string[] }) => ({
      topics: topics.filter((name) => this.topics.includes(name)).map(topic),
    });
    const away = async (): Promise<never> => {
      throw new Error('not here');
    };
    const sql: Sql = {
      query: async () => ({ rows: [], rowCount: 0 }),
      transaction: async () => ({ state: 'unknown', reason: 'not here' }),
      close: none,
    };
    const claims = { claim: away, put: none, probe: none, close: none };
    return {
      openProduce: async () => this.#openProduce(),
      openCluster: () =>
        ({ describe: describeTopics, topicConfigs: away, close: none }) as unknown as Cluster,
      openRead: () => ({ bounds: away, close: none }) as unknown as Read,
      openGroups: () => ({ commit: away, committed: away, edges: away, close: none }),
      openSql: () => sql,
      openClaims: () => claims,
      openQuotas: away as never,
      openBits: away as never,
    };
  }

  #openProduce(): LearningProduce {
    if (this.produceError !== undefined) throw this.produceError;
    return { send: async () => Promise.reject(new Error('not here')), learn: this.#learn, close: none };
  }

  readonly #learn = async (topic: string): Promise<void> => void this.learned.push(topic);
}

let world: World;
afterEach(() => world.stop());

async function roleWithout(
  role: keyof typeof ROLES,
  { topics = [], produceError }: { topics?: readonly string[]; produceError?: Error },
): Promise<World> {
  world = new World();
  world.topics = topics;
  world.produceError = produceError;
  await world.start(role);
  return world;
}

describe('a role is not ready', () => {
  test.each(Object.keys(ROLES) as (keyof typeof ROLES)[])(
    'while its producer is not open: %s says why, and when it is',
    async (role) => {
      const message = 'Cannot reach Kafka at h:9092.';
      const produceError = new UpliftError('UPL-KAFKA-UNREACHABLE', { message });
      const it = await roleWithout(role, { produceError });
      expect((await it.fetch('/healthz')).status).toBe(200);
      expect((await it.probe('producer', ({ detail }) => detail.includes(message))).ok).toBe(false);
      expect((await it.fetch('/readyz')).status).toBe(503);
      it.produceError = undefined;
      await it.probe('producer', ({ ok }) => ok);
    },
  );

  test('as a projector that has nowhere to put events aside, and is no longer once it has', async () => {
    const it = await roleWithout('projector', { topics: [TOPICS.events] });
    const says = 'topic reservations.events.dlq does not exist yet';
    expect((await it.probe('kafka', ({ detail }) => detail.includes(says))).ok).toBe(false);
    it.topics = [TOPICS.events, 'reservations.events.dlq'];
    await it.probe('kafka', ({ ok }) => ok);
  });

  test('as a gateway whose caches are cold, and learns the leaders of the commands topic before it is', async () => {
    const it = await roleWithout('gateway', {});
    await it.probe('caches', (probe) => probe.detail.includes(`${TOPICS.commands} was not seen yet`));
    expect(it.learned).toEqual([]);
    it.topics = [TOPICS.commands];
    await it.probe('caches', ({ ok }) => ok);
    expect(it.learned).toEqual([TOPICS.commands]);
    expect((await it.fetch('/readyz')).status).toBe(200);
  });
});

test('a projector describes how far it is, and answers a problem while it projects nothing', async () => {
  const it = await roleWithout('projector', {});
  const url = '/v1/monitoring/reservations/projection';
  const answer = await it.fetch(url);
  expect([answer.status, answer.headers.get('content-type'), answer.headers.get('retry-after')]).toEqual([
    503,
    'application/problem+json; charset=utf-8',
    '1',
  ]);
  const document = (await (await it.fetch('/openapi.json')).json()) as {
    paths: Record<string, { get: { responses: Record<string, unknown> } }>;
  };
  expect(Object.keys(document.paths)).toContain('/v1/reliability/status');
  expect(Object.keys(document.paths[url]?.get.responses ?? {})).toEqual(['200', '503']);
  expect(await (await it.fetch('/docs')).text()).toContain(url);
});
