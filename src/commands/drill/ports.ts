import { openHttp } from '../../clients/http/index.ts';
import { openCluster, openRead, openTopics } from '../../clients/kafka/index.ts';
import { openSql } from '../../clients/postgres/index.ts';
import { openRedisNodes } from '../../clients/redis/index.ts';
import { UpliftError } from '../../core/error.ts';
import type { Live } from '../../core/live.ts';
import type { Deps } from '../../deps.ts';
import { processPooler } from '../../drills/actuators/pooler-process.ts';
import { processPostgres } from '../../drills/actuators/postgres-process.ts';
import { processActuator, processRedis, processService } from '../../drills/actuators/process.ts';
import type { DrillPorts } from '../../drills/engine/drill.ts';
import type { DrillStepContext } from '../../drills/steps.ts';
import { startLoad } from '../../load/generator.ts';
import type { Journal } from '../../record/journal.ts';
import { lockCluster, NO_LOCK } from '../shared/cluster-lock.ts';
import { lookAtProjection, lookAtRegion } from '../shared/look.ts';
import { besideConfig } from '../shared/project.ts';
import { postgresTargets, type Region } from '../shared/region.ts';

/** Units folder of the region's process actuator; a region without one cannot be broken by us (78). */
export function unitsOf(region: Region): string {
  const { actuator, name } = region.config;
  if (actuator !== undefined) return besideConfig(region.project, actuator.units);
  throw new UpliftError('UPL-CONFIG-INVALID', {
    message: `Region ${name} has no actuator: uplift has no way to stop and start its brokers.`,
  });
}

/** What the steps of a drill act through, also when another process undoes them. */
export function stepContext(
  deps: Deps,
  region: Region,
  stores: Pick<DrillStepContext, 'cluster' | 'topics' | 'redis'>,
): DrillStepContext {
  return {
    ...stores,
    actuatorOf: processActuator,
    postgresOf: processPostgres,
    poolerOf: processPooler,
    redisOf: processRedis,
    serviceOf: processService,
    // Restoring is never cancelled: its looks do not end with the signal that stops the drill.
    projection: () => lookAtProjection({ ...deps, signal: new AbortController().signal }, region),
    monoNs: () => deps.clock.monoNs(),
  };
}

/** Opens everything a drill acts through, hands it over, and closes it. */
export async function withDrillPorts<T>(
  deps: Deps,
  region: Region,
  given: {
    readonly journal: Pick<Journal, 'append'>;
    readonly lock: boolean;
    readonly what: string;
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
      read,
      http,
      writer,
      replicas,
      pooled: targets.pooled,
      service,
      look: () => lookAtRegion(deps, region),
      startLoad,
      context: stepContext(deps, region, { cluster, topics, redis }),
      lock: async () => (given.lock ? lockCluster(region, { cluster, topics }, given.what) : NO_LOCK),
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
