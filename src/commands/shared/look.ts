import type { CheckFacts } from '../../checks/check.ts';
import { openHttp } from '../../clients/http/index.ts';
import { openCluster, openRead } from '../../clients/kafka/index.ts';
import { openSql } from '../../clients/postgres/index.ts';
import { openRedisNode } from '../../clients/redis/index.ts';
import { TOPICS } from '../../contract/records.ts';
import { UpliftError } from '../../core/error.ts';
import type { PromiseOrigin } from '../../core/finding.ts';
import type { Deps } from '../../deps.ts';
import type { AskPostgres } from '../../facts/ask-postgres.ts';
import { collectKafkaFacts } from '../../facts/kafka/cluster.ts';
import { type Observed, observe } from '../../facts/observed.ts';
import { collectPostgresFacts, type PostgresFacts } from '../../facts/postgres/replication.ts';
import { askWriter, type WriterLook } from '../../facts/postgres/writer.ts';
import { type CatchUp, watchCatchUp } from '../../facts/projection/progress.ts';
import { collectRedisFacts, type RedisFacts } from '../../facts/redis/cluster.ts';
import { collectReadiness, type InstanceFacts } from '../../facts/service/readiness.ts';
import { postgresTargets, type Region } from './region.ts';

/** Opens what the checks need in one region, looks once at everything side by side, and closes it again. */
export async function lookAtRegion(deps: Deps, region: Region): Promise<CheckFacts> {
  const [kafka, postgres, redis, instances] = await Promise.all([
    lookAtKafka(deps, region),
    lookAtPostgres(deps, region),
    lookAtRedis(deps, region),
    lookAtService(deps, region),
  ]);
  const { config, project } = region;
  return {
    region: config.name,
    bootstrap: config.kafka.brokers,
    kafka,
    desired: region.desired,
    postgres,
    redis,
    instances,
    projection:
      config.service === undefined || config.postgres === undefined
        ? undefined
        : await lookAtProjection(deps, region),
    limits: project.config.value.limits,
    originOf: (path) => originIn(region, path),
  };
}

/** Checks name a region; uplift.yaml has it by position. */
function originIn({ project, index, config }: Region, path: readonly (string | number)[]): PromiseOrigin {
  return project.config.origin(
    path.map((part, at) => (path[0] === 'regions' && at === 1 && part === config.name ? index : part)),
  );
}

const timeoutOf = (region: Region): number => region.project.config.value.limits.requestTimeout;

async function lookAtKafka(deps: Deps, region: Region): Promise<CheckFacts['kafka']> {
  const cluster = openCluster(region.kafka);
  try {
    return await collectKafkaFacts({
      cluster,
      nowMs: () => deps.clock.nowMs(),
      configsOf: region.desired.map(({ name }) => name),
      timeoutMs: timeoutOf(region),
    });
  } finally {
    await cluster.close();
  }
}

async function lookAtPostgres(deps: Deps, region: Region): Promise<PostgresFacts | undefined> {
  const targets = await postgresTargets(deps, region);
  if (targets === undefined) return undefined;
  const writer = { name: targets.writer.name, ask: openSql(targets.writer) };
  const replicas = targets.replicas.map((target) => ({ name: target.name, ask: openSql(target) }));
  try {
    return await collectPostgresFacts({
      writer,
      replicas,
      nowMs: () => deps.clock.nowMs(),
      timeoutMs: timeoutOf(region),
    });
  } finally {
    await Promise.all([writer, ...replicas].map(({ ask }) => ask.close()));
  }
}

/** Asks the writer of a region, by a connection of its own, whether it takes writes and since when it runs. */
export async function lookAtWriter(deps: Deps, region: Region): Promise<WriterLook> {
  const targets = await postgresTargets(deps, region);
  if (targets === undefined) throw new Error('no Postgres in uplift.yaml');
  const sql = openSql(targets.writer);
  try {
    return await askWriter(sql);
  } finally {
    await sql.close();
  }
}

async function lookAtRedis(deps: Deps, region: Region): Promise<RedisFacts | undefined> {
  if (region.config.redis === undefined) return undefined;
  const nodes = region.config.redis.nodes.map((address) =>
    openRedisNode({ address, timeoutMs: timeoutOf(region) }),
  );
  try {
    return await collectRedisFacts(nodes, () => deps.clock.nowMs());
  } finally {
    await Promise.all(nodes.map((node) => node.close()));
  }
}

async function lookAtService(deps: Deps, region: Region): Promise<InstanceFacts[] | undefined> {
  const { service } = region.config;
  if (service === undefined) return undefined;
  const { gateways, commands, projectors, sweepers } = service;
  const instances = [...gateways, ...commands, ...projectors, ...sweepers];
  const http = openHttp({
    origins: instances.map(({ url }) => url),
    connections: 1,
    timeoutMs: timeoutOf(region),
  });
  const fetchText = async (url: string): Promise<{ status: number; body: string }> => {
    const { origin, pathname } = new URL(url);
    const result = await http.request({ origin, method: 'GET', path: pathname, signal: deps.signal });
    if (result.kind === 'answer') return result;
    throw new UpliftError('UPL-SERVICE-UNREACHABLE', { message: `no answer: ${result.reason}` });
  };
  try {
    return await collectReadiness(instances, fetchText, () => deps.clock.nowMs());
  } finally {
    await http.close();
  }
}

/** Whether the projection passes the ends that the events have now, within its limit. */
export async function lookAtProjection(deps: Deps, region: Region): Promise<Observed<CatchUp>> {
  const targets = await postgresTargets(deps, region);
  return observe(
    () => deps.clock.nowMs(),
    async () => {
      if (targets === undefined) throw new Error('no Postgres in uplift.yaml');
      const sql = openSql(targets.writer);
      try {
        return await catchUp(deps, region, sql);
      } finally {
        await sql.close();
      }
    },
  );
}

async function catchUp(deps: Deps, region: Region, ask: AskPostgres): Promise<CatchUp> {
  const timeoutMs = timeoutOf(region);
  const read = openRead(region.kafka);
  try {
    const ends = await read.bounds([TOPICS.events], { timeoutMs });
    const limitMs = region.project.config.value.limits.projectionFreshness;
    return await watchCatchUp({ ask, ends, limitMs, timeoutMs, signal: deps.signal });
  } finally {
    await read.close();
  }
}
