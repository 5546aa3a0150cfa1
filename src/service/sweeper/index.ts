import { setTimeout as delay } from 'node:timers/promises';
import { PartitionBatcher } from '../../clients/kafka/index.ts';
import type { Cluster } from '../../clients/kafka/ports.ts';
import type { Sql } from '../../clients/postgres/index.ts';
import { dlqOf } from '../../contract/dead-letter.ts';
import { TOPICS } from '../../contract/records.ts';
import type { RoleContext } from '../adapters.ts';
import { type Env, kafkaTarget, parseEnv, type Settings, sqlTarget } from '../env.ts';
import { addReliability } from '../reliability/index.ts';
import { ROUND_LIMIT_MS, type SweeperReport } from '../reports/report.ts';
import { Reporter } from '../reports/reporter.ts';
import { meteredProduce } from '../runtime/flow-metrics.ts';
import { createHttp, listen } from '../runtime/http.ts';
import { createMetrics } from '../runtime/metrics.ts';
import { postgresProbe } from '../runtime/postgres-probe.ts';
import { type Probe, ProbeLoop, type ProbeResult, QUESTION_MS, seenNow } from '../runtime/probes.ts';
import { openInBackground } from '../runtime/produce.ts';
import { keepRunning, type Trouble } from '../runtime/session.ts';
import { checkTopics } from '../runtime/topics.ts';
import { openTelemetry } from '../telemetry/index.ts';
import { createUnknownMetrics } from '../unknown/metrics.ts';
import { keepHouse } from './housekeeping.ts';
import { SWEEP_RULES } from './plan.ts';
import { type Round, type SweepDeps, sweepOnce } from './sweep.ts';

const BATCH = 50;
const IDLE_MS = 500;
const HOUSEKEEPING_MS = 5000;

interface Progress {
  /** When the last round ended, on the monotonic clock. */
  sweptAtMs: number | undefined;
  /** The last round in which anything was due. */
  lastWork: { readonly atMs: number; readonly round: Round } | undefined;
}

/**
 * Runs a sweeper until the signal: commands whose append ended without an answer are sent again under their event id,
 * until the projection shows it or they are put into the dead letters. Any number of sweepers can run side by side.
 */
export async function runSweeper(env: Env, context: RoleContext): Promise<void> {
  const settings = parseEnv(env);
  const { adapters, log, signal } = context;
  const metrics = createMetrics();
  const telemetry = await openTelemetry(settings, 'sweeper', { registry: metrics.registry, log });
  const unknown = createUnknownMetrics(metrics.registry);
  const cluster = adapters.openCluster(kafkaTarget(settings, 'probe'));
  const sql = adapters.openSql(sqlTarget(settings, 'POSTGRES_URL'));
  const opening = openInBackground(() => adapters.openProduce(kafkaTarget(settings, 'sweep')), log);
  const produce = meteredProduce(opening, metrics.registry);
  const batcher = new PartitionBatcher(produce);
  const topic: { id: string | undefined } = { id: undefined };
  const trouble: Trouble = { reason: 'not started' };
  const progress: Progress = { sweptAtMs: undefined, lastWork: undefined };
  const loop = new ProbeLoop(probesOf(cluster, sql, settings, topic));
  const probes = (): ProbeResult[] => [...loop.snapshot(), opening.probe(), sweepProbe(progress, trouble)];
  const app = createHttp({ role: 'sweeper', settings, metrics, probes, draining: () => signal.aborted });
  const instance = settings.INSTANCE;
  const report = (): SweeperReport => reportOf(progress);
  const reporter = new Reporter({ sql, role: 'sweeper', instance, report, probes, log });
  const deps: SweepDeps = {
    sql,
    append: batcher,
    rules: SWEEP_RULES,
    batch: BATCH,
    commandsTopicId: () => topic.id,
    nowMs: Date.now,
    random: Math.random,
    metrics: unknown,
    tracing: telemetry.tracing,
    log,
    instance,
  };
  try {
    loop.start();
    reporter.start();
    await addReliability(app, { sql, settings, metrics });
    const port = await listen(app, settings);
    log.info({ port }, 'sweeper listens');
    context.onListening?.(port);
    await keepRunning(() => sweepUntil(deps, { signal, trouble, progress }), { signal, log, trouble });
  } finally {
    await Promise.allSettled([app.close(), loop.stop(), reporter.stop(), batcher.close()]);
    await Promise.allSettled([produce.close(), cluster.close(), sql.close()]);
    await telemetry.close();
  }
  log.info('drained');
}

/** Round after round until the signal; a round that is under way is finished. Throws what a round throws. */
async function sweepUntil(
  deps: SweepDeps,
  { signal, trouble, progress }: { signal: AbortSignal; trouble: Trouble; progress: Progress },
): Promise<void> {
  let cleanedAtMs = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    const round = await sweepOnce(deps);
    if (performance.now() - cleanedAtMs >= HOUSEKEEPING_MS) {
      await keepHouse(deps.sql, deps.metrics, deps.nowMs());
      cleanedAtMs = performance.now();
    }
    trouble.reason = undefined;
    progress.sweptAtMs = performance.now();
    if (round.taken > 0) progress.lastWork = { atMs: progress.sweptAtMs, round };
    if (round.taken < deps.batch) await delay(IDLE_MS, undefined, { signal }).catch(() => undefined);
  }
}

function reportOf({ sweptAtMs, lastWork }: Progress): SweeperReport {
  const ago = (atMs: number): number => Math.round(performance.now() - atMs);
  return {
    sweptAgoMs: sweptAtMs === undefined ? null : ago(sweptAtMs),
    lastWork: lastWork === undefined ? null : { agoMs: ago(lastWork.atMs), ...lastWork.round },
  };
}

const sweepProbe = ({ sweptAtMs }: Pick<Progress, 'sweptAtMs'>, trouble: Trouble): ProbeResult =>
  seenNow('sweeps', () => {
    if (sweptAtMs === undefined || trouble.reason !== undefined)
      throw new Error(trouble.reason ?? 'starting');
    const agoMs = Math.round(performance.now() - sweptAtMs);
    if (agoMs > ROUND_LIMIT_MS) throw new Error(`no round ended for ${agoMs} ms`);
    return 'rounds end';
  });

function probesOf(
  cluster: Cluster,
  sql: Sql,
  settings: Settings,
  topic: { id: string | undefined },
): Probe[] {
  const check = {
    names: [TOPICS.commands, dlqOf(TOPICS.commands)],
    partitions: settings.TOPIC_PARTITIONS,
    timeoutMs: QUESTION_MS,
    onDiffer: (): void => {
      topic.id = undefined;
    },
  };
  const kafka = async (): Promise<string> => {
    topic.id = (await checkTopics(cluster, check)).get(TOPICS.commands);
    return `${check.partitions} partitions`;
  };
  return [{ name: 'kafka', run: kafka }, postgresProbe(sql)];
}
