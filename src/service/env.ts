import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { KafkaSasl, KafkaTarget, KafkaTls } from '../clients/kafka/target.ts';
import type { SqlTarget } from '../clients/postgres/index.ts';
import type { RedisTarget } from '../clients/redis/index.ts';
import { EVENT_SCHEMAS } from '../contract/events.ts';
import { LONGEST_SNAPSHOT_PERIOD_MS } from '../contract/retention.ts';
import { LONGEST_HOLD_MS } from '../contract/rules.ts';
import { reasonOf, UpliftError } from '../core/error.ts';
import { LONGEST_WINDOW_MS } from './domain/rules.ts';
import { TELEMETRY_VARIABLES } from './telemetry/settings.ts';

export type Env = Readonly<Record<string, string | undefined>>;

const hostPorts = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  )
  .pipe(
    z.array(z.string().regex(/^[^\s]+:\d{1,5}$/, { error: 'must be host:port, separated by commas' })).min(1),
  );

const int = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

const share = z
  .string()
  .regex(/^\d{1,4}\/\d{1,4}$/, { error: 'must be index/count, such as 1/2' })
  .transform((text) => {
    const [index = 0, count = 0] = text.split('/').map(Number);
    return { index, count };
  })
  .refine(({ index, count }) => index >= 1 && index <= count, { error: 'index must be between 1 and count' });

const quota = z
  .string()
  .regex(/^[1-9]\d{0,5}\/[1-9]\d{0,4}$/, { error: 'must be requests/seconds, such as 600/60' })
  .transform((text) => {
    const [requests = 0, seconds = 0] = text.split('/').map(Number);
    return { quota: requests, windowMs: seconds * 1000 };
  });

const leases = z
  .string()
  .regex(/^\d{3,4}-\d{3,4}$/, { error: 'must be first-last, such as 512-767' })
  .transform((text) => {
    const [first = 0, last = 0] = text.split('-').map(Number);
    return { first, last };
  })
  .refine(({ first, last }) => first >= 512 && first <= last && last <= 1023, {
    error: 'must lie within 512-1023, the first not after the last',
  });

const hostNames = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim().toLowerCase()))
  .pipe(
    z
      .array(z.string().regex(/^[a-z0-9.-]{1,253}$/, { error: 'must be host names, separated by commas' }))
      .max(32),
  );

const postgresUrl = z.url({ protocol: /^postgres(ql)?$/ });

const postgresUrls = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .pipe(z.array(postgresUrl).min(1).max(16));

const schema = z.object({
  UPLIFT_REGION: z.string().min(1).default('local'),
  INSTANCE: z.string().min(1).max(64).default('service'),
  HTTP_HOST: z.string().min(1).default('127.0.0.1'),
  HTTP_PORT: int(0, 65_535).default(8080),
  /** Names under which operators reach the pages of sweepers and projectors, besides addresses and localhost. */
  OPERATOR_HOSTS: hostNames.optional(),
  KAFKA_BROKERS: hostPorts.optional(),
  KAFKA_REQUEST_TIMEOUT_MS: int(100, 60_000).default(3000),
  KAFKA_TLS_CA_FILE: z.string().optional(),
  KAFKA_SASL_MECHANISM: z.enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']).optional(),
  KAFKA_SASL_USERNAME: z.string().optional(),
  KAFKA_SASL_PASSWORD_FILE: z.string().optional(),
  TOPIC_PARTITIONS: int(1, 10_000).default(24),
  POSTGRES_URL: postgresUrl.optional(),
  POSTGRES_DIRECT_URL: postgresUrl.optional(),
  /** Replicas that the gateway reads from, separated by commas; unset: it reads from POSTGRES_URL. */
  POSTGRES_READ_URL: postgresUrls.optional(),
  POSTGRES_PASSWORD_FILE: z.string().optional(),
  POSTGRES_MAX_CONNECTIONS: int(1, 200).default(5),
  POSTGRES_TIMEOUT_MS: int(100, 120_000).default(5000),
  REDIS_NODES: hostPorts.optional(),
  REDIS_PASSWORD_FILE: z.string().optional(),
  REDIS_TIMEOUT_MS: int(50, 60_000).default(1500),
  /** A fixed worker for ids; unset: one of SNOWFLAKE_LEASES is leased from Postgres. */
  SNOWFLAKE_WORKER: int(0, 511).optional(),
  /** Workers that this region leases; a region with a database of its own needs a range of its own. */
  SNOWFLAKE_LEASES: leases.default({ first: 512, last: 1023 }),
  /** So long may Postgres be away before a gateway with a leased worker refuses new reservations. */
  WORKER_LEASE_MS: int(3000, 3_600_000).default(300_000),
  /** Schema the commands role writes events in, and the newest one the projector reads: upgrade readers first. */
  EVENT_SCHEMA: z.coerce.number().pipe(z.literal(EVENT_SCHEMAS)).default(1),
  SHARE: share.default({ index: 1, count: 1 }),
  PRODUCE_DEADLINE_MS: int(100, 120_000).default(10_000),
  /** How often a commands partition gets a tick while it is quiet, or has holds. */
  TICK_MS: int(100, 60_000).default(1000),
  /** A partition that decides gets a snapshot about this often, or after SNAPSHOT_DECISIONS; a quiet one ten times more rarely. */
  SNAPSHOT_MS: int(1000, LONGEST_SNAPSHOT_PERIOD_MS).default(60_000),
  SNAPSHOT_DECISIONS: int(100, 10_000_000).default(50_000),
  /** The rest up to LONGEST_WINDOW_MS is how far a gateway's clock may be ahead of the brokers'. */
  COMMAND_WINDOW_MS: int(1000, LONGEST_WINDOW_MS - 60_000).default(120_000),
  IDEMPOTENCY_TTL_MS: int(1000, 7 * 86_400_000).default(86_400_000),
  DRAIN_NOTICE_MS: int(0, 8000).default(500),
  /** requests/seconds of one tenant over all gateways; unset: no limit. */
  RATE_LIMIT_PER_TENANT: quota.optional(),
  /** A Bloom filter of reservation ids in Redis answers reads of old ids that do not exist. */
  BLOOM: z.enum(['on', 'off']).default('off'),
  BLOOM_REBUILD_MS: int(1000, 7 * 86_400_000).default(3_600_000),
  /** Of a hold that does not say how long. */
  HOLD_MS: int(1000, LONGEST_HOLD_MS).default(300_000),
  MAX_IN_FLIGHT: int(1, 100_000).default(2000),
  /** Requests that wait for a decision at once; the same number of reads may wait for their token. */
  MAX_WAITING: int(1, 100_000).default(2000),
  /** How often the projection is asked for all operations that are waited for. */
  DECISION_TICK_MS: int(5, 5000).default(50),
  /** So long a read with a token waits for a replica before it asks the writer. */
  READ_WAIT_MS: int(0, 20_000).default(1000),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  ...TELEMETRY_VARIABLES,
});

/** Every variable that a role may read; docs/service.md has the same list. */
export const VARIABLES: readonly string[] = Object.keys(schema.shape);

/** Settings of a role, from the environment alone; this and TELEMETRY_VARIABLES name the variables. */
export type Settings = z.infer<typeof schema>;

/** Parses the environment of a role. Throws UPL-CONFIG-INVALID that names every variable that is wrong, never a value. */
export function parseEnv(env: Env): Settings {
  const parsed = schema.safeParse(env);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new UpliftError('UPL-CONFIG-INVALID', { message: `Environment of the service: ${lines.join('; ')}` });
}

export function kafkaTarget(settings: Settings, suffix: string): KafkaTarget {
  const tls: KafkaTls | undefined =
    settings.KAFKA_TLS_CA_FILE === undefined
      ? undefined
      : { ca: readText('KAFKA_TLS_CA_FILE', settings.KAFKA_TLS_CA_FILE) };
  const sasl = saslOf(settings);
  return {
    brokers: required('KAFKA_BROKERS', settings.KAFKA_BROKERS),
    clientId: `${settings.INSTANCE}-${suffix}`,
    requestTimeoutMs: settings.KAFKA_REQUEST_TIMEOUT_MS,
    ...(tls === undefined ? {} : { tls }),
    ...(sasl === undefined ? {} : { sasl }),
  };
}

function saslOf(settings: Settings): KafkaSasl | undefined {
  if (settings.KAFKA_SASL_MECHANISM === undefined) return undefined;
  return {
    mechanism: settings.KAFKA_SASL_MECHANISM,
    username: required('KAFKA_SASL_USERNAME', settings.KAFKA_SASL_USERNAME),
    password: readText(
      'KAFKA_SASL_PASSWORD_FILE',
      required('KAFKA_SASL_PASSWORD_FILE', settings.KAFKA_SASL_PASSWORD_FILE),
    ),
  };
}

/** A replica that hangs must not hold a read for long: the writer answers instead. */
const REPLICA_TIMEOUT_MS = 1000;

/** The replicas of POSTGRES_READ_URL, if any. */
export function replicaTargets(settings: Settings): SqlTarget[] {
  return (settings.POSTGRES_READ_URL ?? []).map((url) => {
    const target = targetOf(settings, url);
    const queryTimeoutMs = Math.min(target.queryTimeoutMs, REPLICA_TIMEOUT_MS);
    return { ...target, queryTimeoutMs, connectTimeoutMs: Math.min(target.connectTimeoutMs, queryTimeoutMs) };
  });
}

export function sqlTarget(settings: Settings, variable: 'POSTGRES_URL' | 'POSTGRES_DIRECT_URL'): SqlTarget {
  return targetOf(settings, required(variable, settings[variable]));
}

function targetOf(settings: Settings, text: string): SqlTarget {
  const url = new URL(text);
  const fromFile =
    settings.POSTGRES_PASSWORD_FILE === undefined
      ? undefined
      : readText('POSTGRES_PASSWORD_FILE', settings.POSTGRES_PASSWORD_FILE);
  const password = fromFile ?? (url.password === '' ? undefined : decodeURIComponent(url.password));
  return {
    host: url.hostname,
    port: url.port === '' ? 5432 : Number(url.port),
    database: decodeURIComponent(url.pathname.slice(1)),
    user: decodeURIComponent(url.username),
    ...(password === undefined ? {} : { password }),
    applicationName: settings.INSTANCE,
    maxConnections: settings.POSTGRES_MAX_CONNECTIONS,
    connectTimeoutMs: Math.min(settings.POSTGRES_TIMEOUT_MS, 3000),
    queryTimeoutMs: settings.POSTGRES_TIMEOUT_MS,
  };
}

export function redisTarget(settings: Settings): RedisTarget {
  return {
    nodes: required('REDIS_NODES', settings.REDIS_NODES),
    timeoutMs: settings.REDIS_TIMEOUT_MS,
    ...(settings.REDIS_PASSWORD_FILE === undefined
      ? {}
      : { password: readText('REDIS_PASSWORD_FILE', settings.REDIS_PASSWORD_FILE) }),
  };
}

/**
 * The partitions a process owns under `SHARE=i/n`: those with p mod n = i - 1. Ownership is static, by
 * measurement (docs/results/consumers.md): no rebalance hands a partition to two owners or stops those that are well, at
 * the price that a dead process is replaced, not taken over.
 */
export function ownedPartitions(settings: Settings): number[] {
  const all = Array.from({ length: settings.TOPIC_PARTITIONS }, (_, partition) => partition);
  return all.filter((partition) => partition % settings.SHARE.count === settings.SHARE.index - 1);
}

export function required<T>(variable: string, value: T | undefined): T {
  if (value !== undefined) return value;
  throw new UpliftError('UPL-CONFIG-INVALID', {
    message: `Environment of the service: ${variable} is needed by this role`,
  });
}

function readText(variable: string, path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new UpliftError('UPL-CONFIG-INVALID', {
      message: `${variable} cannot be read: ${reasonOf(error)}`,
      cause: error,
    });
  }
}
