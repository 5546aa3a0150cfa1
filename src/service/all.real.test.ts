import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startKafka, type TestKafka } from '../../test/support/kafka-cluster.ts';
import { startPostgres, type TestPostgres } from '../../test/support/postgres-server.ts';
import { startRedis, type TestRedis } from '../../test/support/redis-cluster.ts';
import { type RoleProcess, roleEnv, rowOfPorts, startRole } from '../../test/support/service-roles.ts';
import { openTopics } from '../clients/kafka/index.ts';
import { dlqOf } from '../contract/dead-letter.ts';
import { decidedSchema, readyzSchema } from '../contract/http.ts';
import { TOPICS } from '../contract/records.ts';
import { waitFor } from '../core/wait.ts';

const PARTITIONS = 3;
const ROLES = ['gateway', 'commands', 'projector', 'sweeper'] as const;

let kafka: TestKafka;
let postgres: TestPostgres;
let redis: TestRedis;
let all: RoleProcess | undefined;
let base = 0;

beforeAll(async () => {
  [kafka, postgres, redis] = await Promise.all([
    startKafka('uplift-all-kafka'),
    startPostgres('uplift-all-pg'),
    startRedis('uplift-all-redis'),
  ]);
  const topics = openTopics(kafka.target);
  const assignment = Array.from({ length: PARTITIONS }, (_, p) => [0, 1, 2].map((r) => ((p + r) % 3) + 1));
  const configsOf: Readonly<Record<string, Record<string, string>>> = {
    [TOPICS.commands]: { 'message.timestamp.type': 'LogAppendTime' },
    [TOPICS.snapshots]: { 'cleanup.policy': 'compact' },
  };
  const names = [...Object.values(TOPICS), dlqOf(TOPICS.commands), dlqOf(TOPICS.events)];
  const specs = names.map((name) => ({ name, assignment, configs: configsOf[name] ?? {} }));
  await topics.create(specs, { validateOnly: false, timeoutMs: 20_000 });
  await topics.close();
  const env = roleEnv({ kafka, postgres, redis }, PARTITIONS);
  expect(await startRole('migrate', 0, env, kafka.folder).exit).toBe(0);
  base = await rowOfPorts(ROLES.length);
  all = startRole('all', base, env, kafka.folder);
});

afterAll(async () => {
  all?.signal('SIGKILL');
  await Promise.all([kafka?.stop(), postgres?.stop(), redis?.stop()]);
});

async function readyz(port: number) {
  const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2000) });
  return readyzSchema.parse(await response.json());
}

describe('uplift service all', () => {
  test('is the four roles on four ports in a row, each of them ready', async () => {
    for (const [at, role] of ROLES.entries()) {
      const ready = async (): Promise<boolean> => {
        const answer = await readyz(base + at);
        if (!answer.ready) throw new Error(JSON.stringify(answer.probes));
        return answer.role === role;
      };
      await waitFor(ready, { what: `${role} ready`, timeoutMs: 60_000, intervalMs: 200 });
    }
  });

  test('has a gateway that used once all that its first request needs', async () => {
    const isWarm = async (): Promise<boolean> => {
      const says = (await readyz(base)).probes.find(({ name }) => name === 'caches')?.detail;
      if (says === 'warm: leaders of the commands topic, claims, reservation ids, writer') return true;
      throw new Error(says);
    };
    await waitFor(isWarm, { what: 'warm caches', timeoutMs: 15_000, intervalMs: 200 });
  });

  test('decides what it is asked for', async () => {
    const day = Date.now() + 86_400_000;
    const slot = { start: new Date(day).toISOString(), end: new Date(day + 3_600_000).toISOString() };
    const response = await fetch(`http://127.0.0.1:${base}/v1/reservations`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-tenant-id': 'acme',
        'idempotency-key': 'all-1',
        prefer: 'wait=15',
      },
      body: JSON.stringify({ resource: 'room', quantity: 2, slot }),
      signal: AbortSignal.timeout(20_000),
    });
    expect(response.status).toBe(201);
    expect(decidedSchema.parse(await response.json()).reservation).toMatchObject({ status: 'active' });
  });

  test('ends all of them at one SIGTERM, within the budget', async () => {
    const startedMs = performance.now();
    all?.signal('SIGTERM');
    expect(await all?.exit).toBe(143);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    for (const at of ROLES.keys()) await expect(readyz(base + at)).rejects.toThrow();
  });
});
