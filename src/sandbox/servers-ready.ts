import { startFailure } from '../clients/process/ready.ts';
import type { PlacedUnit } from '../clients/process/unit-files.ts';
import { waitFor } from '../core/wait.ts';
import type { KafkaAccess } from './kafka-secure.ts';
import { DATABASE, DATABASE_USER } from './postgres-plan.ts';
import { redisClusterOk } from './redis-assemble.ts';

const CLUSTER_TIMEOUT_MS = 45_000;
const REQUEST_TIMEOUT_MS = 3000;
const POLL_MS = 150;

const addressOf = (unit: PlacedUnit): string => `127.0.0.1:${unit.labels.port}`;

/** Waits until the cluster itself lists all these nodes as registered and not fenced, each on its rack. */
export async function brokersRegistered(
  units: readonly PlacedUnit[],
  signal: AbortSignal,
  access: KafkaAccess = {},
): Promise<void> {
  const { openCluster } = await import('../clients/kafka/cluster.ts');
  const cluster = openCluster({
    ...access,
    brokers: units.map(addressOf),
    clientId: 'uplift-sandbox',
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
  });
  let missing = units;
  const probe = async (): Promise<boolean> => {
    const { brokers } = await cluster.describe({ topics: [], timeoutMs: REQUEST_TIMEOUT_MS });
    const seen = new Map(brokers.map((broker) => [String(broker.id), broker.rack]));
    missing = units.filter((unit) => seen.get(unit.labels.brokerId ?? '') !== unit.labels.rack);
    return missing.length === 0;
  };
  try {
    await waitFor(probe, {
      what: 'all Kafka nodes registered',
      timeoutMs: CLUSTER_TIMEOUT_MS,
      intervalMs: POLL_MS,
      signal,
    });
  } catch (error) {
    signal.throwIfAborted();
    const [first] = missing;
    throw first === undefined ? error : await startFailure(first, 'did not join the cluster', error);
  } finally {
    await cluster.close();
  }
}

/** Waits until the primary streams to every replica and each counts for synchronous commit (sync_state quorum). */
export async function replicasStreaming(
  units: readonly PlacedUnit[],
  password: string,
  signal: AbortSignal,
): Promise<void> {
  const primary = units.find((unit) => unit.labels.role === 'primary');
  if (primary === undefined) return;
  const replicas = units.filter((unit) => unit !== primary);
  const text =
    "SELECT application_name AS name FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'quorum'";
  const probe = async (): Promise<boolean> => {
    const rows = await queryOnce<{ name: string }>(Number(primary.labels.port), password, text);
    return rows.length === replicas.length;
  };
  const what = `${replicas.map((unit) => unit.id).join(' and ')} streaming from ${primary.id}`;
  try {
    await waitFor(probe, { what, timeoutMs: CLUSTER_TIMEOUT_MS, intervalMs: POLL_MS, signal });
  } catch (error) {
    signal.throwIfAborted();
    throw await startFailure(primary, 'has no streaming replicas', error);
  }
}

/** A statement through PgBouncer reaches the writer. */
export async function poolerAnswers(unit: PlacedUnit, password: string, signal: AbortSignal): Promise<void> {
  const probe = async (): Promise<boolean> =>
    (await queryOnce(Number(unit.labels.port), password, 'SELECT 1 AS one')).length === 1;
  try {
    await waitFor(probe, {
      what: 'an answer through PgBouncer',
      timeoutMs: CLUSTER_TIMEOUT_MS,
      intervalMs: POLL_MS,
      signal,
    });
  } catch (error) {
    signal.throwIfAborted();
    throw await startFailure(unit, 'passes no statement on', error);
  }
}

/** Every Redis node: cluster_state:ok, replicas known and linked. */
export async function redisReady(units: readonly PlacedUnit[], signal: AbortSignal): Promise<void> {
  await redisClusterOk(
    units.map((unit) => ({ unit: unit.id, port: Number(unit.labels.port) })),
    signal,
  );
}

async function queryOnce<R extends object>(
  port: number,
  password: string,
  text: string,
): Promise<readonly R[]> {
  const { openSql } = await import('../clients/postgres/index.ts');
  const sql = openSql({
    host: '127.0.0.1',
    port,
    database: DATABASE,
    user: DATABASE_USER,
    password,
    applicationName: 'uplift-sandbox',
    maxConnections: 1,
    connectTimeoutMs: REQUEST_TIMEOUT_MS,
    queryTimeoutMs: REQUEST_TIMEOUT_MS,
  });
  try {
    return (await sql.query<R>(text)).rows;
  } finally {
    await sql.close();
  }
}
