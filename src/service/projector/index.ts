import { dlqOf } from '../../contract/dead-letter.ts';
import { GROUPS } from '../../contract/groups.ts';
import { TOPICS } from '../../contract/records.ts';
import type { RoleContext } from '../adapters.ts';
import { type Env, kafkaTarget, ownedPartitions, parseEnv, sqlTarget } from '../env.ts';
import { sendProblem } from '../gateway/problems.ts';
import { addReliability } from '../reliability/index.ts';
import type { ProjectorReport } from '../reports/report.ts';
import { Reporter } from '../reports/reporter.ts';
import { CommitPositions } from '../runtime/commit-positions.ts';
import { meteredProduce, meteredRead } from '../runtime/flow-metrics.ts';
import { createHttp, listen } from '../runtime/http.ts';
import { createMetrics } from '../runtime/metrics.ts';
import { postgresProbe } from '../runtime/postgres-probe.ts';
import { ProbeLoop, type ProbeResult, QUESTION_MS } from '../runtime/probes.ts';
import { openInBackground } from '../runtime/produce.ts';
import { keepRunning, type Trouble } from '../runtime/session.ts';
import { checkTopics } from '../runtime/topics.ts';
import { openTelemetry } from '../telemetry/index.ts';
import { DeadLetterBox } from './dead-letters.ts';
import { PROJECTION_ROUTE } from './route-docs.ts';
import { ProjectorSession } from './session.ts';

/** Runs a projector until the signal: events in, Postgres out, for the partitions of its SHARE. */
export async function runProjector(env: Env, context: RoleContext): Promise<void> {
  const settings = parseEnv(env);
  const { adapters, log, signal } = context;
  const metrics = createMetrics();
  const telemetry = await openTelemetry(settings, 'projector', { registry: metrics.registry, log });
  const partitions = settings.TOPIC_PARTITIONS;
  const owned = ownedPartitions(settings);
  const cluster = adapters.openCluster(kafkaTarget(settings, 'probe'));
  const read = meteredRead(adapters.openRead(kafkaTarget(settings, 'read')), metrics.registry);
  const sql = adapters.openSql(sqlTarget(settings, 'POSTGRES_URL'));
  const opening = openInBackground(() => adapters.openProduce(kafkaTarget(settings, 'dlq')), log);
  const produce = meteredProduce(opening, metrics.registry);
  const letters = new DeadLetterBox({
    produce,
    instance: settings.INSTANCE,
    nowMs: () => Date.now(),
    onParked: (code) => metrics.deadLetters.inc({ code }),
  });
  const trouble: Trouble = { reason: 'not started' };
  let session: ProjectorSession | undefined;
  // Also where events are put aside: without it the first one that cannot be applied holds everything up.
  const topics = { names: [TOPICS.events, dlqOf(TOPICS.events)], partitions, timeoutMs: QUESTION_MS };
  const loop = new ProbeLoop([
    {
      name: 'kafka',
      run: async () => checkTopics(cluster, topics).then(() => `${partitions} partitions each`),
    },
    postgresProbe(sql),
  ]);
  const state = (): ProbeResult =>
    session?.probe() ?? { name: 'partitions', ok: false, detail: trouble.reason ?? 'starting', ageMs: 0 };
  const probes = (): ProbeResult[] => [...loop.snapshot(), opening.probe(), state()];
  const app = createHttp({ role: 'projector', settings, metrics, probes, draining: () => signal.aborted });
  app.get(PROJECTION_ROUTE.url, async (_request, reply) => {
    const status = session?.status();
    return status ?? sendProblem(reply, 'notReady', { detail: trouble.reason ?? 'starting' });
  });
  const instance = settings.INSTANCE;
  const report = (): ProjectorReport => reportOf(session);
  const reporter = new Reporter({ sql, role: 'projector', instance, report, probes, log });
  const committing = new CommitPositions({
    groups: adapters.openGroups(kafkaTarget(settings, 'commit')),
    groupId: GROUPS.projector,
    topic: TOPICS.events,
    positions: () => session?.positions() ?? new Map(),
    onFailed: () => metrics.positionCommitFailed.inc(),
    log,
  });
  try {
    loop.start();
    reporter.start();
    await addReliability(app, { sql, settings, metrics, beside: [PROJECTION_ROUTE] });
    const port = await listen(app, settings);
    log.info({ port, owned: owned.length, partitions }, 'projector listens');
    context.onListening?.(port);
    const live = async (): Promise<void> => {
      const eventSchema = settings.EVENT_SCHEMA;
      const { tracing } = telemetry;
      const outside = { cluster, read, sql, letters, metrics, tracing, log };
      const deps = { ...outside, eventSchema, owned, partitions, signal };
      session = new ProjectorSession(deps);
      await session.run().finally(() => {
        session = undefined;
        // Nobody looks: a lag that was true some time ago is none.
        metrics.projectionLagRecords.set(Number.NaN);
        metrics.projectionLagMs.set(Number.NaN);
      });
    };
    await keepRunning(live, { signal, log, trouble });
  } finally {
    await Promise.allSettled([app.close(), loop.stop(), reporter.stop(), committing.stop()]);
    await Promise.allSettled([produce.close(), read.close(), cluster.close(), sql.close()]);
    await telemetry.close();
  }
  log.info('drained');
}

/** A projector without a session projects nothing: its partitions are nobody's then. */
function reportOf(session: ProjectorSession | undefined): ProjectorReport {
  const status = session?.status();
  const seconds = status?.lagSeconds ?? null;
  return {
    partitions: status?.partitions.length ?? 0,
    stopped: status?.stopped.length ?? 0,
    lagRecords: status?.lagRecords ?? 0,
    lagMs: seconds === null ? null : Math.round(seconds * 1000),
  };
}
