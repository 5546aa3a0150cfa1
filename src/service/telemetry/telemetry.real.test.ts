import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startKafka, type TestKafka } from '../../../test/support/kafka-cluster.ts';
import { freePorts } from '../../../test/support/kafka-node.ts';
import { type SeenSpan, startCollector, type TestCollector } from '../../../test/support/otlp-collector.ts';
import { startPostgres, type TestPostgres } from '../../../test/support/postgres-server.ts';
import { startRedis, type TestRedis } from '../../../test/support/redis-cluster.ts';
import { type RoleProcess, roleEnv, startRole } from '../../../test/support/service-roles.ts';
import { openTopics } from '../../clients/kafka/index.ts';
import { openSql } from '../../clients/postgres/index.ts';
import { dlqOf } from '../../contract/dead-letter.ts';
import { eventIdOf, partitionOf } from '../../contract/ids.ts';
import { TOPICS } from '../../contract/records.ts';
import { someCreate } from '../../contract/testing/decisions.ts';
import { decodeToken } from '../../contract/token.ts';
import { waitFor } from '../../core/wait.ts';
import { commandHeaders, encodeCommand } from '../domain/codec.ts';
import { keepUnknown } from '../unknown/store.ts';
import { formatTraceparent } from './traceparent.ts';

const PARTITIONS = 3;
const ROLES = ['gateway', 'commands', 'projector', 'sweeper'] as const;
/** How a role that was told to end says so. */
const TERMINATED = 143;
const POST = 'POST /v1/reservations';
const SEND_COMMAND = `send ${TOPICS.commands}`;
const DECIDE = `decide ${TOPICS.commands}`;
const SEND_EVENT = `send ${TOPICS.events}`;
const APPLY = `apply ${TOPICS.events}`;
/** What no log may say. */
const PLANTED = {
  resource: 'planted-resource',
  quantity: 937,
  slot: { start: '2031-07-09T10:00:00Z', end: '2031-07-09T11:00:00Z' },
};

let kafka: TestKafka;
let postgres: TestPostgres;
let redis: TestRedis;
let collector: TestCollector;
let silent: TestCollector;
let env: Record<string, string>;
const roles = new Map<string, RoleProcess>();

async function launch(role: string, over: Readonly<Record<string, string>> = {}): Promise<RoleProcess> {
  const [port = 0] = await freePorts(1);
  const process = startRole(role, port, { ...env, ...over }, kafka.folder);
  roles.set(over.INSTANCE ?? role, process);
  return process;
}

const role = (name: string): RoleProcess => roles.get(name) as RoleProcess;

beforeAll(async () => {
  [kafka, postgres, redis, collector, silent] = await Promise.all([
    startKafka('uplift-telemetry-kafka'),
    startPostgres('uplift-telemetry-pg'),
    startRedis('uplift-telemetry-redis'),
    startCollector(),
    startCollector({ silent: true }),
  ]);
  env = {
    ...roleEnv({ kafka, postgres, redis }, PARTITIONS),
    LOG_LEVEL: 'trace',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '1',
    OTEL_BSP_SCHEDULE_DELAY: '200',
  };
  const topics = openTopics(kafka.target);
  const assignment = Array.from({ length: PARTITIONS }, (_, p) => [0, 1, 2].map((r) => ((p + r) % 3) + 1));
  const specs = [
    { name: TOPICS.commands, configs: { 'message.timestamp.type': 'LogAppendTime' } },
    { name: TOPICS.events, configs: {} },
    { name: TOPICS.snapshots, configs: { 'cleanup.policy': 'compact' } },
    { name: dlqOf(TOPICS.commands), configs: {} },
    { name: dlqOf(TOPICS.events), configs: {} },
  ].map(({ name, configs }) => ({ name, assignment, configs: { 'min.insync.replicas': '2', ...configs } }));
  await topics.create(specs, { validateOnly: false, timeoutMs: 10_000 });
  await topics.close();
  expect(await startRole('migrate', 0, env, kafka.folder).exit).toBe(0);
  for (const name of ROLES) await launch(name);
  await Promise.all([...roles.values()].map((each) => each.ready(60_000)));
});

afterAll(async () => {
  for (const each of roles.values()) each.signal('SIGKILL');
  await Promise.all([kafka?.stop(), postgres?.stop(), redis?.stop(), collector?.close(), silent?.close()]);
});

function post(key: string, headers: Record<string, string> = {}, gateway = 'gateway'): Promise<Response> {
  return fetch(`${role(gateway).url}/v1/reservations`, {
    method: 'POST',
    headers: {
      'x-tenant-id': 'acme',
      'content-type': 'application/json',
      'idempotency-key': key,
      ...headers,
    },
    body: JSON.stringify(PLANTED),
    signal: AbortSignal.timeout(20_000),
  });
}

const inTrace = (traceId: string): SeenSpan[] => collector.spans.filter((span) => span.traceId === traceId);

/** The spans of a trace, once there is one of this name in it. */
const traceWith = (traceId: string, name: string): Promise<SeenSpan[]> =>
  waitFor(async () => inTrace(traceId).some((span) => span.name === name) && inTrace(traceId), {
    what: `${name} in the trace ${traceId}`,
    timeoutMs: 20_000,
    intervalMs: 50,
  });

/** Each span as `service: name < name of its parent`. */
function chain(spans: readonly SeenSpan[]): string[] {
  const nameOf = (id: string): string => spans.find(({ spanId }) => spanId === id)?.name ?? id;
  return spans.map(({ service, name, parentId }) => `${service}: ${name} < ${nameOf(parentId)}`);
}
const BEHIND = [
  `uplift-gateway: ${SEND_COMMAND} < ${POST}`,
  `uplift-commands: ${DECIDE} < ${SEND_COMMAND}`,
  `uplift-commands: ${SEND_EVENT} < ${DECIDE}`,
  `uplift-projector: ${APPLY} < ${SEND_EVENT}`,
];

describe('traces of the service on real servers', () => {
  test('one request is one trace over gateway, commands and projector, by the id of its operation', async () => {
    expect((await post('traced')).status).toBe(202);
    const operation = eventIdOf('acme', 'traced');
    await traceWith(operation, APPLY);
    const spans = await traceWith(operation, POST);
    expect(chain(spans).toSorted()).toEqual([`uplift-gateway: ${POST} < `, ...BEHIND].toSorted());
    expect(spans.map(({ status }) => status)).toEqual(spans.map(() => 0));
    expect(spans.find(({ name }) => name === DECIDE)?.attributes).toMatchObject({
      'uplift.decision': 'rejected',
      'uplift.operation': operation,
      'uplift.tenant': 'acme',
      'messaging.destination.partition.id': String(partitionOf('acme/planted-resource', PARTITIONS)),
    });
  });

  test('a caller’s trace goes on, and one it does not record is recorded nowhere', async () => {
    const caller = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };
    const quiet = { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), sampled: false };
    await post('quiet', { traceparent: formatTraceparent(quiet) });
    await post('called', { traceparent: formatTraceparent({ ...caller, sampled: true }) });
    await traceWith(caller.traceId, APPLY);
    const spans = await traceWith(caller.traceId, POST);
    expect(chain(spans).toSorted()).toEqual(
      [`uplift-gateway: ${POST} < ${caller.spanId}`, ...BEHIND].toSorted(),
    );
    // The same partition, so it was applied before; whoever recorded it would have sent it by now.
    expect(inTrace(quiet.traceId)).toEqual([]);
  });

  test('what the sweeper sends again stays in its trace', async () => {
    const sql = openSql(postgres.direct);
    const first = { traceId: 'e'.repeat(32), spanId: 'f'.repeat(16), sampled: true };
    const eventId = eventIdOf('acme', 'swept');
    const issuedAtMs = Date.now();
    const times = { issuedAtMs, notAfterMs: issuedAtMs + 120_000 };
    const command = someCreate({
      eventId,
      tenant: 'acme',
      resource: 'swept',
      reservationId: 'swept-1',
      ...times,
    });
    const acknowledged = (await (await post('for-the-topic-id')).json()) as { token: string };
    await keepUnknown(sql, {
      tenant: 'acme',
      eventId,
      topic: TOPICS.commands,
      topicId: decodeToken(acknowledged.token)?.topicId ?? '',
      partition: partitionOf('acme/swept', PARTITIONS),
      record: {
        key: Buffer.from('acme/swept'),
        value: encodeCommand(command),
        headers: commandHeaders(eventId, Buffer.from(formatTraceparent(first))),
      },
      payload: 'any',
      ...times,
    });
    await sql.close();
    await traceWith(first.traceId, APPLY);
    const spans = await traceWith(first.traceId, SEND_COMMAND);
    expect(chain(spans).toSorted()).toEqual(
      [
        `uplift-sweeper: ${SEND_COMMAND} < ${first.spanId}`,
        `uplift-commands: ${DECIDE} < ${first.spanId}`,
        ...BEHIND.slice(2),
      ].toSorted(),
    );
  });

  test('a collector that never answers costs no request anything, and the gateway ends within its budget', async () => {
    const gateway = await launch('gateway', {
      INSTANCE: 'gateway-silent',
      OTEL_EXPORTER_OTLP_ENDPOINT: silent.endpoint,
      OTEL_BSP_MAX_QUEUE_SIZE: '20',
      OTEL_BSP_SCHEDULE_DELAY: '100',
    });
    await gateway.ready(30_000);
    const answers: number[] = [];
    for (let at = 0; at < 60; at += 1) {
      const startedMs = performance.now();
      expect((await post(`silent-${at}`, {}, 'gateway-silent')).status).toBe(202);
      answers.push(performance.now() - startedMs);
    }
    const middle = answers.toSorted((a, b) => a - b)[30] ?? Number.NaN;
    expect(middle).toBeLessThan(500);
    // Two spans a request, twenty of which may wait.
    expect(await gateway.metric('uplift_trace_spans_total')).toBeGreaterThanOrEqual(100);
    expect(await gateway.metric('uplift_trace_spans_waiting')).toBeLessThanOrEqual(20);
    expect(silent.calls).toBeGreaterThan(0);
    const stoppedMs = performance.now();
    gateway.signal('SIGTERM');
    expect(await gateway.exit).toBe(TERMINATED);
    expect(performance.now() - stoppedMs).toBeLessThan(9000);
  });

  test('spans that wait when a role is told to end are sent before it does', async () => {
    const gateway = await launch('gateway', { INSTANCE: 'gateway-slow', OTEL_BSP_SCHEDULE_DELAY: '60000' });
    await gateway.ready(30_000);
    await post('last', {}, 'gateway-slow');
    gateway.signal('SIGTERM');
    expect(await gateway.exit).toBe(TERMINATED);
    expect(inTrace(eventIdOf('acme', 'last')).map(({ name }) => name)).toContain(POST);
  });

  test('every role shows what goes through it', async () => {
    const above = async (name: string, ...metrics: string[]): Promise<void> => {
      for (const metric of metrics)
        expect([name, metric, await role(name).metric(metric)]).toEqual([
          name,
          metric,
          expect.toSatisfy((value: number) => value > 0),
        ]);
    };
    const http = 'uplift_request_duration_seconds_count';
    const traced = 'uplift_trace_spans_total';
    const producer = ['uplift_producer_records_total', 'uplift_producer_send_duration_seconds_count'];
    await above('gateway', http, traced, ...producer);
    await above(
      'commands',
      http,
      traced,
      ...producer,
      'uplift_consumer_records_total',
      'uplift_decided_total',
      'uplift_decide_duration_seconds_count',
    );
    await above(
      'projector',
      http,
      traced,
      'uplift_consumer_records_total',
      'uplift_projection_batch_duration_seconds_count',
      'uplift_projection_rows_total',
    );
    await above('sweeper', http, traced, ...producer);
    expect(await role('commands').metric('uplift_consumer_poll_errors_total')).toBe(0);
  });

  test('no log of any role says what was asked for, at any level', () => {
    for (const [name, { logFile }] of roles) {
      const text = readFileSync(logFile, 'utf8');
      expect([name, text.includes('"tenant":"acme"') || name === 'projector' || name === 'sweeper']).toEqual([
        name,
        true,
      ]);
      for (const secret of [/planted/, /\b937\b/, /2031-07/])
        expect([name, text.match(secret)]).toEqual([name, null]);
    }
    const decided = readFileSync(role('commands').logFile, 'utf8');
    expect(decided).toContain(`"trace":"${eventIdOf('acme', 'traced')}","tenant":"acme"`);
  });
});
