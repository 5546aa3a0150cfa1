import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startKafka, type TestKafka } from '../../../test/support/kafka-cluster.ts';
import { freePorts } from '../../../test/support/kafka-node.ts';
import { startPostgres, type TestPostgres } from '../../../test/support/postgres-server.ts';
import { startRedis, type TestRedis } from '../../../test/support/redis-cluster.ts';
import { type RoleProcess, roleEnv, startRole } from '../../../test/support/service-roles.ts';
import { openTopics } from '../../clients/kafka/index.ts';
import { dlqOf } from '../../contract/dead-letter.ts';
import {
  idempotencyHeader,
  operationSchema,
  PROBLEMS,
  problemSchema,
  tenantHeader,
} from '../../contract/http.ts';
import { eventIdOf } from '../../contract/ids.ts';
import { TOPICS } from '../../contract/records.ts';
import { type ReliabilityStatus, reliabilityStatusSchema } from '../../contract/reliability.ts';
import { waitFor } from '../../core/wait.ts';

const PARTITIONS = 3;
const BROKERS = [1, 2, 3] as const;
const TENANT = 'acme';
const CROSSED = 'uplift_idempotency_crossed_total';
const SLOT = { start: '2027-01-01T00:00:00Z', end: '2027-01-01T01:00:00Z' };

let kafka: TestKafka;
let postgres: TestPostgres;
let redis: TestRedis;
let env: Record<string, string>;
const started: RoleProcess[] = [];

async function launch(role: string, over: Readonly<Record<string, string>> = {}): Promise<RoleProcess> {
  const [port = 0] = await freePorts(1);
  const process = startRole(role, port, { ...env, ...over }, kafka.folder);
  started.push(process);
  return process;
}

async function createTopics(): Promise<void> {
  const topics = openTopics(kafka.target);
  const assignment = Array.from({ length: PARTITIONS }, (_, p) => [0, 1, 2].map((r) => ((p + r) % 3) + 1));
  const configs = { 'min.insync.replicas': '2' };
  const specs = [TOPICS.events, dlqOf(TOPICS.events), dlqOf(TOPICS.commands)].map((name) => ({
    name,
    assignment,
    configs,
  }));
  const logTime = { ...configs, 'message.timestamp.type': 'LogAppendTime' };
  const commands = { name: TOPICS.commands, assignment, configs: logTime };
  const compacted = { ...configs, 'cleanup.policy': 'compact' };
  const snapshots = { name: TOPICS.snapshots, assignment, configs: compacted };
  const all = [commands, snapshots, ...specs];
  const results = await topics.create(all, { validateOnly: false, timeoutMs: 10_000 });
  await topics.close();
  expect(results.map(({ error }) => error)).toEqual([null, null, null, null, null]);
}

let gateway: RoleProcess;
let sweeper: RoleProcess;
let projector: RoleProcess;

beforeAll(async () => {
  [kafka, postgres, redis] = await Promise.all([
    startKafka('uplift-sweeper-kafka'),
    startPostgres('uplift-sweeper-pg'),
    startRedis('uplift-sweeper-redis'),
  ]);
  // All brokers start again within the life of a command, also on a machine that is busy.
  const times = { PRODUCE_DEADLINE_MS: '3000', COMMAND_WINDOW_MS: '240000' };
  env = { ...roleEnv({ kafka, postgres, redis }, PARTITIONS), ...times };
  await createTopics();
  expect(await startRole('migrate', 0, env, kafka.folder).exit).toBe(0);
  gateway = await launch('gateway');
  sweeper = await launch('sweeper');
  [projector] = await Promise.all([launch('projector'), launch('commands')]);
  await Promise.all(started.map((role) => role.ready(60_000)));
});

afterAll(async () => {
  for (const role of started) role.signal('SIGKILL');
  await Promise.all([kafka?.stop(), postgres?.stop(), redis?.stop()]);
});

interface Answer {
  readonly status: number;
  readonly replay: boolean;
  readonly body: unknown;
}

async function post(at: RoleProcess, key: string, quantity = 1): Promise<Answer> {
  const response = await fetch(`${at.url}/v1/reservations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', [tenantHeader]: TENANT, [idempotencyHeader]: key },
    body: JSON.stringify({ resource: 'room', slot: SLOT, quantity }),
    signal: AbortSignal.timeout(20_000),
  });
  const replay = response.headers.get('idempotency-replay') === 'true';
  return { status: response.status, replay, body: await response.json() };
}

const decided = (key: string, timeoutMs: number) =>
  waitFor(
    async () => {
      const response = await fetch(`${gateway.url}/v1/operations/${eventIdOf(TENANT, key)}`, {
        headers: { [tenantHeader]: TENANT },
      });
      return response.status === 200 && operationSchema.parse(await response.json());
    },
    { what: `a decision of ${key}`, timeoutMs },
  );

async function reliability(at: RoleProcess): Promise<ReliabilityStatus> {
  const response = await fetch(`${at.url}/v1/reliability/status`, { signal: AbortSignal.timeout(5000) });
  return reliabilityStatusSchema.parse(await response.json());
}

/** The first status that fits, of either role that answers operators. */
const reliabilityWhere = (at: RoleProcess, what: string, fits: (status: ReliabilityStatus) => boolean) =>
  waitFor(
    async () => {
      const status = await reliability(at);
      return fits(status) && status;
    },
    { what, timeoutMs: 40_000 },
  );

describe('a command whose outcome is unknown', () => {
  test('is decided without its client, after Kafka came back', async () => {
    // Until its producer is connected a gateway knows for certain that it sent nothing; that is no unknown outcome.
    const connected = async () => (await post(gateway, 'before')).status === 202;
    await waitFor(connected, { what: 'an acknowledgement', timeoutMs: 20_000 });
    await Promise.all(BROKERS.map((id) => kafka.kill(id)));
    const answer = await post(gateway, 'lost');
    expect([answer.status, problemSchema.parse(answer.body)]).toMatchObject([
      503,
      { type: PROBLEMS.outcomeUnknown, operation: `/v1/operations/${eventIdOf(TENANT, 'lost')}` },
    ]);
    expect(await gateway.metric('uplift_unknown_kept_total')).toBe(1);
    for (const role of [sweeper, projector])
      expect((await reliability(role)).unknownOutcomes).toMatchObject({
        waiting: 1,
        operations: [{ operationId: eventIdOf(TENANT, 'lost'), standing: 'waiting' }],
      });
    await Promise.all(BROKERS.map((id) => kafka.start(id)));
    await kafka.healthy(90_000);
    expect(await decided('lost', 90_000)).toMatchObject({ decision: 'accepted' });
    const settled = async () =>
      (await sweeper.metric('uplift_unknown_settled_total{outcome="decided"}')) === 1;
    await waitFor(settled, { what: 'the end of the entry', timeoutMs: 20_000 });
    // A send whose answer was lost may be the one that did it.
    const sent = (result: string) => sweeper.metric(`uplift_unknown_produced_total{result="${result}"}`);
    expect((await sent('acknowledged')) + (await sent('failed'))).toBeGreaterThan(0);
    // The client comes back late: one operation, one reservation.
    expect((await post(gateway, 'lost')).status).toBe(202);
    await Promise.all(started.map((role) => role.ready(60_000)));
  });

  test('is told to operators until it is decided; then nothing needs attention, and they are told by which facts', async () => {
    // A sweeper says every few seconds what it did last.
    const isOver = ({ verdict, sweeper: told }: ReliabilityStatus): boolean =>
      verdict === 'ok' && told.state === 'known' && told.instances[0]?.lastWork?.decided === 1;
    const status = await reliabilityWhere(projector, 'a verdict of ok after the last round', isOver);
    expect(status).toMatchObject({
      reasons: [],
      unknownOutcomes: { waiting: 0, notKept: 0 },
      sweeper: { working: 1, instances: [{ lastWork: { taken: 1, decided: 1 } }] },
      idempotency: { gateways: { redis: 1, postgres: 0 } },
      projection: { covered: PARTITIONS, stopped: 0, lagRecords: 0 },
    });
    expect((await fetch(`${gateway.url}/v1/reliability/status`)).status).toBe(404);
    expect(await sweeper.metric('uplift_reliability_sweepers_working')).toBe(1);
  });
});

describe('without Redis', () => {
  let without: RoleProcess;
  beforeAll(async () => {
    without = await launch('gateway', {
      REDIS_NODES: '127.0.0.1:1',
      INSTANCE: 'without-redis',
    });
    await without.ready(60_000);
  });

  test('a key is claimed in Postgres: stored answer, 422 for another payload, and the gateway is ready', async () => {
    const first = await post(without, 'in-postgres');
    expect(first).toMatchObject({ status: 202, replay: false });
    await expect.poll(() => post(without, 'in-postgres')).toEqual({ ...first, replay: true });
    expect((await post(without, 'in-postgres', 2)).status).toBe(422);
    expect(JSON.stringify((await without.readyz()).body)).toContain('Postgres takes them');
  });

  test('what Postgres granted is found by a gateway that has Redis, and is counted', async () => {
    const first = await post(without, 'crossing');
    await expect.poll(() => post(without, 'crossing')).toEqual({ ...first, replay: true });
    const says = async () => JSON.stringify((await gateway.readyz()).body).includes('Postgres holds some');
    await waitFor(says, { what: 'a probe that sees claims in Postgres', timeoutMs: 10_000 });
    // Others may have crossed before: on a busy machine the Redis Cluster can be down for a moment.
    const before = await gateway.metric(CROSSED);
    expect(await post(gateway, 'crossing')).toEqual({ ...first, replay: true });
    expect(await gateway.metric(CROSSED)).toBe(before + 1);
  });

  test('a key that Redis granted before is one operation all the same, and is counted', async () => {
    expect((await post(gateway, 'redis-first')).status).toBe(202);
    const before = await decided('redis-first', 20_000);
    const crossed = await without.metric(CROSSED);
    expect((await post(without, 'redis-first')).status).toBe(202);
    expect(await without.metric(CROSSED)).toBe(crossed + 1);
    expect(await decided('redis-first', 20_000)).toEqual(before);
  });
});

test('SIGTERM ends a sweeper within 10 s', async () => {
  const startedMs = performance.now();
  sweeper.signal('SIGTERM');
  expect(await sweeper.exit).toBe(143);
  expect(performance.now() - startedMs).toBeLessThan(10_000);
});
