import { setTimeout as delay } from 'node:timers/promises';
import { certainlyNotWritten, PartitionBatcher } from '../../clients/kafka/index.ts';
import type { Cluster } from '../../clients/kafka/ports.ts';
import type { Sql } from '../../clients/postgres/index.ts';
import { TOPICS } from '../../contract/records.ts';
import type { RoleContext } from '../adapters.ts';
import { openBloom } from '../bloom/index.ts';
import {
  type Env,
  kafkaTarget,
  parseEnv,
  redisTarget,
  replicaTargets,
  type Settings,
  sqlTarget,
} from '../env.ts';
import { Reporter } from '../reports/reporter.ts';
import { endingAppend } from '../runtime/ending-append.ts';
import { meteredProduce } from '../runtime/flow-metrics.ts';
import { createHttp, listen } from '../runtime/http.ts';
import { createMetrics, type Metrics } from '../runtime/metrics.ts';
import { postgresProbe } from '../runtime/postgres-probe.ts';
import { type Probe, ProbeLoop, type ProbeResult, QUESTION_MS } from '../runtime/probes.ts';
import { openInBackground } from '../runtime/produce.ts';
import { aborted } from '../runtime/session.ts';
import { settle } from '../runtime/settle.ts';
import { checkTopics } from '../runtime/topics.ts';
import { cachesProbe } from '../runtime/warm-up.ts';
import { openTelemetry } from '../telemetry/index.ts';
import { trustsCallers } from '../telemetry/settings.ts';
import { createUnknownMetrics } from '../unknown/metrics.ts';
import { keepUnknown } from '../unknown/store.ts';
import { addGatewayRoutes } from './app.ts';
import { type GatewayClaims, openGatewayClaims } from './claims.ts';
import { watchRunning } from './claims-running.ts';
import { decidedForCertain } from './decided.ts';
import { type IdSource, openIds } from './ids.ts';
import { RareEvents } from './rare-events.ts';
import { openLimiter } from './rate-limit.ts';
import { Reader } from './reader.ts';
import { lookUpDecidedAt, openDecisions } from './reads.ts';
import { GatewayTraces } from './traces.ts';
import { gatewayParts } from './warm-up.ts';
import { CommandWriter } from './write.ts';

/** After the signal; what is given up then is answered and kept (AFTERMATH_MS) within the 10 s that a role has to end. */
const GIVE_UP_MS = 5000;

/**
 * Runs a gateway until the signal: HTTP in, commands topic out. Lives at once (`/healthz`), is ready when Kafka,
 * Postgres and Redis answer and the commands topic has its partitions. Draining: not ready, refuse, finish, flush.
 */
export async function runGateway(env: Env, context: RoleContext): Promise<void> {
  const settings = parseEnv(env);
  const { adapters, log, signal } = context;
  const metrics = createMetrics();
  const telemetry = await openTelemetry(settings, 'gateway', { registry: metrics.registry, log });
  const sql = adapters.openSql(sqlTarget(settings, 'POSTGRES_URL'));
  const unknown = createUnknownMetrics(metrics.registry);
  const rare = new RareEvents();
  const redis = adapters.openClaims(redisTarget(settings));
  const claims = openGatewayClaims({
    redis,
    sql,
    onFallback: () => unknown.fallbackClaims.inc(),
    onCrossed: () => {
      metrics.idempotencyCrossed.inc();
      rare.crossed.add();
    },
  });
  const running = watchRunning(claims);
  const ids = openIds(settings, sql);
  const limiter = openLimiter(adapters, settings, metrics);
  const cluster = adapters.openCluster(kafkaTarget(settings, 'probe'));
  const groups = adapters.openGroups(kafkaTarget(settings, 'groups'));
  const bloom = openBloom({ adapters, settings, sql, cluster, groups, claims: redis, metrics, log });
  const opening = openInBackground(() => adapters.openProduce(kafkaTarget(settings, 'produce')), log);
  const produce = meteredProduce(opening, metrics.registry);
  const batcher = new PartitionBatcher(produce);
  const writer = new CommandWriter({
    ...writerSettings(settings),
    claims: running,
    append: endingAppend(batcher, signal, GIVE_UP_MS),
    decided: decidedForCertain({
      look: (tenant, operationId) => lookUpDecidedAt(sql, tenant, operationId),
      settle: (only, wait) =>
        settle({ ...wait, groups, cluster, sql, partitions: settings.TOPIC_PARTITIONS, only }),
    }),
    certainlyNotWritten,
    nextId: () => ids.next(),
    nowMs: Date.now,
    keepUnknown: (outcome) => keepUnknown(sql, outcome),
    onPutFailed: () => metrics.claimPutFailed.inc(),
    onKept: (kept) => {
      (kept ? unknown.kept : unknown.notKept).inc();
      if (!kept) rare.notKept.add();
    },
  });
  const topic: { id: string | undefined } = { id: undefined };
  const replicas = replicaTargets(settings).map((target) => adapters.openSql(target));
  const reader = new Reader({
    ...readerSettings(settings, metrics),
    writer: sql,
    replicas,
    commandsTopicId: () => topic.id,
  });
  const decisions = openDecisions(settings, sql, () => metrics.decisionLookFailed.inc());
  const parts = gatewayParts({
    produce: opening,
    commandsTopicId: () => topic.id,
    claims,
    ids,
    writer: sql,
    replicas: replicas.length,
    reader,
    bloom,
    limiter,
  });
  const asked = probesOf({ cluster, sql, claims, ids, settings, topic });
  const loop = new ProbeLoop([...asked, cachesProbe(parts)]);
  const probes = (): ProbeResult[] => [...loop.snapshot(), opening.probe()];
  const reporter = new Reporter({
    sql,
    role: 'gateway',
    instance: settings.INSTANCE,
    report: () => rare.report(claims.where(), running.running()),
    probes,
    log,
  });
  const app = createHttp({
    role: 'gateway',
    settings,
    metrics,
    probes,
    draining: () => signal.aborted,
  });
  addGatewayRoutes(app, {
    writer,
    plan: { partitions: settings.TOPIC_PARTITIONS, holdMs: settings.HOLD_MS },
    reader,
    decisions,
    metrics,
    log,
    traces: new GatewayTraces({ tracing: telemetry.tracing, trustsCallers: trustsCallers(settings) }),
    maxInFlight: settings.MAX_IN_FLIGHT,
    commandsTopicId: () => topic.id,
    draining: () => signal.aborted,
    limiter,
    unknownIds: bloom?.unknownIds,
  });
  try {
    ids.start();
    bloom?.start();
    loop.start();
    reporter.start();
    const port = await listen(app, settings);
    log.info({ port, region: settings.UPLIFT_REGION }, 'gateway listens');
    context.onListening?.(port);
    await aborted(signal);
    log.info('draining');
    decisions.stop();
    // Requests on their way get an answer (503, connection: close) before the listener and idle connections go.
    await delay(settings.DRAIN_NOTICE_MS);
    await app.close();
    await writer.settle();
  } finally {
    await Promise.all([loop.stop(), reporter.stop(), ids.stop(), bloom?.stop()]);
    await Promise.allSettled([batcher.close(), produce.close()]);
    await Promise.allSettled([
      cluster.close(),
      groups.close(),
      claims.close(),
      limiter?.close(),
      sql.close(),
    ]);
    await Promise.allSettled(replicas.map((replica) => replica.close()));
    await telemetry.close();
  }
  log.info('drained');
}

function writerSettings(settings: Settings) {
  return {
    region: settings.UPLIFT_REGION,
    produceDeadlineMs: settings.PRODUCE_DEADLINE_MS,
    commandWindowMs: settings.COMMAND_WINDOW_MS,
    idempotencyTtlMs: settings.IDEMPOTENCY_TTL_MS,
  };
}

function readerSettings(settings: Settings, metrics: Metrics) {
  return {
    region: settings.UPLIFT_REGION,
    partitions: settings.TOPIC_PARTITIONS,
    waitMs: settings.READ_WAIT_MS,
    maxWaiting: settings.MAX_WAITING,
    maxInFlight: settings.MAX_IN_FLIGHT,
    onRead: (source: 'replica' | 'writer') => metrics.reads.inc({ source }),
  };
}

interface ProbeDeps {
  readonly cluster: Cluster;
  readonly sql: Sql;
  readonly claims: GatewayClaims;
  readonly ids: IdSource;
  readonly settings: Settings;
  readonly topic: { id: string | undefined };
}

function probesOf({ cluster, sql, claims, ids, settings, topic }: ProbeDeps): Probe[] {
  const kafka = async (): Promise<string> => {
    const count = settings.TOPIC_PARTITIONS;
    const onDiffer = (): void => {
      topic.id = undefined;
    };
    const check = { names: [TOPICS.commands], partitions: count, timeoutMs: QUESTION_MS, onDiffer };
    const ids = await checkTopics(cluster, check);
    topic.id = ids.get(TOPICS.commands);
    return `${TOPICS.commands} has ${count} partitions`;
  };
  return [
    { name: 'kafka', run: kafka },
    postgresProbe(sql),
    { name: 'claims', run: () => claims.probe() },
    { name: 'ids', run: async () => ids.state() },
  ];
}
