import { type Logger, pino } from 'pino';
import type { OutRecord } from '../../../clients/kafka/ports.ts';
import type { Sql, SqlValue } from '../../../clients/postgres/index.ts';
import { meter, paceOf, takenOf } from '../../../clients/redis/gcra.ts';
import type { Claims, QuotaPolicy, Quotas } from '../../../clients/redis/index.ts';
import { problemSchema } from '../../../contract/http.ts';
import { type CommandOf, commandSchema } from '../../../contract/records.ts';
import { UpliftError } from '../../../core/error.ts';
import { parseEnv } from '../../env.ts';
import { createHttp } from '../../runtime/http.ts';
import { createMetrics } from '../../runtime/metrics.ts';
import type { Tracing } from '../../telemetry/spans.ts';
import { createUnknownMetrics } from '../../unknown/metrics.ts';
import type { UnknownOutcome } from '../../unknown/outcome.ts';
import { addGatewayRoutes } from '../app.ts';
import { TenantLimiter } from '../rate-limit.ts';
import { Reader } from '../reader.ts';
import { type DecidedAt, openDecisions } from '../reads.ts';
import { GatewayTraces } from '../traces.ts';
import { CommandWriter } from '../write.ts';

export const BODY = {
  resource: 'room-1',
  slot: { start: '2026-06-01T10:00:00Z', end: '2026-06-01T11:00:00Z' },
  quantity: 2,
};
export const TOPIC_ID = 'topic-id';

/** The create in a record's value. */
export function createIn(value: Buffer | null | undefined): CommandOf<'create'> {
  const command = commandSchema.parse(JSON.parse(value?.toString() ?? ''));
  if (command.type !== 'create') throw new Error(`a ${command.type} is no create`);
  return command;
}

/** A gateway over fakes: a Redis in a map, a log in an array. */
export function setUp(
  policy?: QuotaPolicy,
  more: {
    readonly log?: Logger;
    readonly tracing?: Tracing;
    readonly trustsCallers?: boolean;
    readonly produceDeadlineMs?: number;
  } = {},
) {
  const redis = new Map<string, string>();
  const log: { topic: string; partition: number; record: OutRecord }[] = [];
  const control = {
    redisAway: false,
    appendError: undefined as Error | undefined,
    topicId: TOPIC_ID as string | undefined,
    draining: false,
    idsRefused: false,
    absent: undefined as string | undefined,
    gate: undefined as Promise<void> | undefined,
    rows: [] as object[],
    /** Answers instead of `rows`. */
    query: undefined as ((text: string, values: readonly SqlValue[]) => object[]) | undefined,
    postgresAway: false,
    /** The store knows of what it grants that it was decided before. */
    grantsDecided: false,
    /** Where every operation was decided, as Postgres shows it. */
    decidedAt: undefined as DecidedAt | undefined,
    nowMs: Date.UTC(2026, 5, 1),
  };
  const claims: Claims = {
    claim: async (key, value) => {
      if (control.redisAway) throw new UpliftError('UPL-REDIS-UNREACHABLE', { message: 'away' });
      const before = redis.get(key);
      if (before !== undefined) return { claimed: false, value: before };
      redis.set(key, value);
      return control.grantsDecided ? { claimed: true, decidedBefore: true } : { claimed: true };
    },
    put: async (key, value) => {
      if (control.redisAway) throw new UpliftError('UPL-REDIS-UNREACHABLE', { message: 'away' });
      redis.set(key, value);
    },
    probe: async () => undefined,
    close: async () => undefined,
  };
  const append = async (topic: string, partition: number, record: OutRecord) => {
    await control.gate;
    if (control.appendError !== undefined) throw control.appendError;
    log.push({ topic, partition, record });
    return { partition, offset: BigInt(log.length - 1) };
  };
  let id = 0n;
  const metrics = createMetrics();
  const unknown = createUnknownMetrics(metrics.registry);
  const kept: UnknownOutcome[] = [];
  const writer = new CommandWriter({
    claims,
    append: { append },
    decided: async () => {
      if (control.postgresAway) throw new UpliftError('UPL-POSTGRES-UNREACHABLE', { message: 'away' });
      return control.decidedAt;
    },
    certainlyNotWritten: (error) => error instanceof UpliftError && error.code !== 'UPL-KAFKA-PRODUCE',
    nextId: () => {
      if (control.idsRefused) throw new UpliftError('UPL-ID-REFUSED', { message: 'no worker id' });
      id += 1n;
      return id;
    },
    keepUnknown: async (outcome) => {
      if (control.postgresAway) throw new UpliftError('UPL-POSTGRES-UNREACHABLE', { message: 'away' });
      kept.push(outcome);
    },
    nowMs: () => control.nowMs,
    onPutFailed: () => metrics.claimPutFailed.inc(),
    onKept: (done) => (done ? unknown.kept : unknown.notKept).inc(),
    region: 'local',
    produceDeadlineMs: more.produceDeadlineMs ?? 1000,
    commandWindowMs: 60_000,
    idempotencyTtlMs: 60_000,
  });
  const sql: Sql = {
    query: async <R extends object>(text: string, values: readonly SqlValue[] = []) => {
      if (control.postgresAway) throw new UpliftError('UPL-POSTGRES-UNREACHABLE', { message: 'away' });
      const rows = control.query?.(text, values) ?? control.rows;
      return { rows: rows as R[], rowCount: rows.length };
    },
    transaction: async () => ({ state: 'unknown', reason: 'not used' }),
    close: async () => undefined,
  };
  const meters = new Map<string, number>();
  const quotas: Quotas = {
    take: async (name, asked) => {
      if (control.redisAway) throw new UpliftError('UPL-REDIS-UNREACHABLE', { message: 'away' });
      const end = meter(meters.get(name), 0, paceOf(asked));
      meters.set(name, end.meterUs);
      return takenOf(end, 0, paceOf(asked));
    },
    close: async () => undefined,
  };
  const options = {
    role: 'gateway',
    settings: parseEnv({}),
    metrics,
    probes: () => [],
    draining: () => control.draining,
  };
  const decisions = openDecisions({ DECISION_TICK_MS: 5, MAX_WAITING: 3 }, sql, () =>
    metrics.decisionLookFailed.inc(),
  );
  const reader = new Reader({
    writer: sql,
    replicas: [],
    region: 'local',
    partitions: 24,
    commandsTopicId: () => control.topicId,
    waitMs: 30,
    maxWaiting: 3,
    maxInFlight: 10,
    onRead: (source) => metrics.reads.inc({ source }),
  });
  const app = createHttp(options);
  addGatewayRoutes(app, {
    writer,
    plan: { partitions: 24, holdMs: 60_000 },
    reader,
    decisions,
    metrics,
    log: more.log ?? pino({ level: 'silent' }),
    traces: new GatewayTraces({ tracing: more.tracing, trustsCallers: more.trustsCallers ?? true }),
    maxInFlight: 2,
    commandsTopicId: () => control.topicId,
    draining: () => control.draining,
    unknownIds: { certainlyAbsent: async (asked) => asked === control.absent },
    limiter: policy && new TenantLimiter({ quotas, policy, metrics }),
  });
  const post = (over: { headers?: Record<string, string>; payload?: unknown } = {}) =>
    app.inject({
      method: 'POST',
      url: '/v1/reservations',
      headers: {
        'idempotency-key': 'key-1',
        'x-tenant-id': 'acme',
        'content-type': 'application/json',
        ...over.headers,
      },
      payload: JSON.stringify(over.payload ?? BODY),
    });
  return { app, post, redis, log, control, writer, decisions, kept, metrics };
}

/** The problem type of an answer. */
export const typeOf = (response: { body: string }): string =>
  problemSchema.parse(JSON.parse(response.body)).type;
