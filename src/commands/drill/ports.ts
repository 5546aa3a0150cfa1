import { openHttp } from '../../clients/http/index.ts';
import { openCluster, openRead, openTopics } from '../../clients/kafka/index.ts';
import { openSql } from '../../clients/postgres/index.ts';
import { openRedisNodes } from '../../clients/redis/index.ts';
import { UpliftError } from '../../core/error.ts';
import type { Live } from '../../core/live.ts';
import type { Deps } from '../../deps.ts';
import type { DrillPorts } from '../../drills/engine/drill.ts';
import type { DrillStepContext } from '../../drills/steps.ts';
import { startLoad } from '../../load/generator.ts';
import type { Journal } from '../../record/journal.ts';
import { lockCluster, lockUnlessUnknown } from '../shared/cluster-lock.ts';
import { lookAtProjection, lookAtRegion } from '../shared/look.ts';
import { postgresTargets, type Region } from '../shared/region.ts';
import { actuatorsOf } from './actuators.ts';
import { permission } from './permission.ts';

/** What the steps of a drill act through, also when another process undoes them. */
export function stepContext(
  deps: Deps,
  region: Region,
  stores: Pick<DrillStepContext, 'cluster' | 'topics' | 'redis'>,
): DrillStepContext {
  return {
    ...stores,
    ...actuatorsOf(deps, region),
    // Restoring is never cancelled: its looks do not end with the signal that stops the drill.
    projection: () => lookAtProjection({ ...deps, signal: new AbortController().signal }, region),
    monoNs: () => deps.clock.monoNs(),
  };
}

/** That a drill goes on without the lock stands in its record: nobody kept others away meanwhile. */
async function tellNoLock(
  { progress }: Pick<Deps, 'progress'>,
  journal: Pick<Journal, 'append'>,
  why: string,
): Promise<void> {
  await journal.append('drill.unlocked', { why });
  progress({ phase: 'lock', state: 'failed', text: `nobody holds it for this drill: ${why}` });
}

/** Opens everything a drill acts through, hands it over, and closes it. */
export async function withDrillPorts<T>(
  deps: Deps,
  region: Region,
  given: {
    readonly journal: Pick<Journal, 'append'>;
    /** `--allow-no-lock`: also where nobody can tell whether somebody holds the lock. */
    readonly allowNoLock: boolean;
    readonly what: string;
    readonly watchdog: DrillPorts['watchdog'];
    readonly live?: Live | undefined;
  },
  work: (ports: DrillPorts) => Promise<T>,
): Promise<T> {
  const { service } = region.config;
  const targets = await postgresTargets(deps, region);
  if (service === undefined || targets === undefined) {
    throw new UpliftError('UPL-CONFIG-INVALID', {
      message: `Region ${region.config.name} needs postgres and service in uplift.yaml for a drill.`,
    });
  }
  const cluster = openCluster(region.kafka);
  const topics = openTopics(region.kafka);
  const redis = openRedisNodes({ timeoutMs: region.project.config.value.limits.requestTimeout });
  const read = openRead(region.kafka);
  const writer = { name: targets.writer.name, ask: openSql(targets.writer) };
  const replicas = targets.replicas.map((target) => ({ name: target.name, ask: openSql(target) }));
  const http = openHttp({
    origins: service.gateways.map(({ url }) => url),
    connections: 32,
    timeoutMs: region.project.config.value.limits.requestTimeout,
  });
  try {
    return await work({
      clock: deps.clock,
      kafka: region.kafka,
      read,
      http,
      writer,
      replicas,
      pooled: targets.pooled,
      service,
      look: () => lookAtRegion(deps, region),
      startLoad,
      context: stepContext(deps, region, { cluster, topics, redis }),
      permission: permission(deps, region.project),
      lock: () =>
        lockUnlessUnknown(
          () => lockCluster(region, { cluster, topics }, given.what),
          given.allowNoLock,
          (why) => tellNoLock(deps, given.journal, why),
        ),
      watchdog: given.watchdog,
      journal: given.journal,
      progress: deps.progress,
      live: given.live,
      signal: deps.signal,
    });
  } finally {
    await Promise.allSettled([
      cluster.close(),
      topics.close(),
      redis.close(),
      read.close(),
      http.close(),
      ...[writer, ...replicas].map(({ ask }) => ask.close()),
    ]);
  }
}
