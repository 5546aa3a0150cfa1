import { GROUPS } from '../../contract/groups.ts';
import { TOPICS } from '../../contract/records.ts';
import type { RoleContext } from '../adapters.ts';
import { type Env, kafkaTarget, ownedPartitions, parseEnv } from '../env.ts';
import { CommitPositions } from '../runtime/commit-positions.ts';
import { meteredProduce, meteredRead } from '../runtime/flow-metrics.ts';
import { createHttp, listen } from '../runtime/http.ts';
import { createMetrics } from '../runtime/metrics.ts';
import { ProbeLoop, type ProbeResult, QUESTION_MS } from '../runtime/probes.ts';
import { openInBackground } from '../runtime/produce.ts';
import { keepRunning, type Trouble } from '../runtime/session.ts';
import { checkTopics } from '../runtime/topics.ts';
import { openTelemetry } from '../telemetry/index.ts';
import { CommandsSession } from './session.ts';

/** Nobody waits for a decision on a connection, and giving up costs a restore: longer than a change of leader takes. */
const SEND_DEADLINE_MS = 30_000;

/** Runs the commands role until the signal: commands in, one decision each out, for the partitions of its SHARE. */
export async function runCommands(env: Env, context: RoleContext): Promise<void> {
  const settings = parseEnv(env);
  const { adapters, log, signal } = context;
  const metrics = createMetrics();
  const telemetry = await openTelemetry(settings, 'commands', { registry: metrics.registry, log });
  const partitions = settings.TOPIC_PARTITIONS;
  const owned = ownedPartitions(settings);
  const cluster = adapters.openCluster(kafkaTarget(settings, 'probe'));
  const read = meteredRead(adapters.openRead(kafkaTarget(settings, 'read')), metrics.registry);
  const opening = openInBackground(() => adapters.openProduce(kafkaTarget(settings, 'produce')), log);
  const produce = meteredProduce(opening, metrics.registry);
  const trouble: Trouble = { reason: 'not started' };
  let session: CommandsSession | undefined;
  const topics = { names: Object.values(TOPICS), partitions, timeoutMs: QUESTION_MS };
  const loop = new ProbeLoop([
    {
      name: 'kafka',
      run: async () => checkTopics(cluster, topics).then(() => `${partitions} partitions each`),
    },
  ]);
  const state = (): ProbeResult =>
    session?.probe() ?? { name: 'partitions', ok: false, detail: trouble.reason ?? 'starting', ageMs: 0 };
  const probes = (): ProbeResult[] => [...loop.snapshot(), opening.probe(), state()];
  const app = createHttp({ role: 'commands', settings, metrics, probes, draining: () => signal.aborted });
  const committing = new CommitPositions({
    groups: adapters.openGroups(kafkaTarget(settings, 'commit')),
    groupId: GROUPS.commands,
    topic: TOPICS.commands,
    positions: () => session?.positions() ?? new Map(),
    onFailed: () => metrics.positionCommitFailed.inc(),
    log,
  });
  try {
    loop.start();
    const port = await listen(app, settings);
    log.info({ port, owned: owned.length, partitions }, 'commands role listens');
    context.onListening?.(port);
    const live = async (): Promise<void> => {
      const deps = {
        cluster,
        read,
        produce,
        metrics,
        tracing: telemetry.tracing,
        log,
        owned,
        partitions,
        sendDeadlineMs: SEND_DEADLINE_MS,
        eventSchema: settings.EVENT_SCHEMA,
        tickMs: settings.TICK_MS,
        snapshots: { everyMs: settings.SNAPSHOT_MS, everyDecisions: settings.SNAPSHOT_DECISIONS },
        signal,
      };
      session = new CommandsSession(deps);
      await session.run().finally(() => {
        session = undefined;
      });
    };
    await keepRunning(live, { signal, log, trouble });
  } finally {
    await Promise.allSettled([app.close(), loop.stop(), committing.stop()]);
    await Promise.allSettled([produce.close(), read.close(), cluster.close()]);
    await telemetry.close();
  }
  log.info('drained');
}
