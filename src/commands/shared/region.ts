import type { KafkaTarget } from '../../clients/kafka/target.ts';
import type { SqlTarget } from '../../clients/postgres/ports.ts';
import type { RegionConfig } from '../../config/regions.ts';
import { UpliftError } from '../../core/error.ts';
import type { Deps } from '../../deps.ts';
import { type DesiredTopic, desiredTopics } from '../../topics/section.ts';
import { kafkaTarget } from './kafka-target.ts';
import { openProject, type Project, secretOf } from './project.ts';

/** One region of a project, with everything a command needs to reach it. Paths are resolved, secrets read. */
export interface Region {
  readonly project: Project;
  readonly index: number;
  readonly config: RegionConfig;
  readonly kafka: KafkaTarget;
  readonly desired: readonly DesiredTopic[];
}

/** The regions a reading command looks at: all, or the one named by `--region`. */
export async function openRegions(deps: Deps): Promise<Region[]> {
  const project = await openProject(deps);
  const { regions } = project.config.value;
  const wanted = deps.globals.region;
  if (wanted !== undefined && !regions.some(({ name }) => name === wanted)) {
    const message = `There is no region "${wanted}" in ${project.config.file}; it has ${regions.map(({ name }) => name).join(', ')}.`;
    throw new UpliftError('UPL-USAGE', { message });
  }
  const chosen = regions.flatMap((config, index) =>
    wanted === undefined || config.name === wanted ? [{ config, index }] : [],
  );
  return Promise.all(chosen.map(({ config, index }) => regionOf(deps, project, config, index)));
}

/** The one region a changing command acts on; several without `--region` are never chosen between. */
export async function openOneRegion(deps: Deps): Promise<Region> {
  const regions = await openRegions(deps);
  const [only] = regions;
  if (only !== undefined && regions.length === 1) return only;
  const names = regions.map(({ config }) => config.name).join(', ');
  throw new UpliftError('UPL-REGION-AMBIGUOUS', {
    message: `This changes something: name one region of ${names}.`,
    next: '--region <name>',
  });
}

async function regionOf(deps: Deps, project: Project, config: RegionConfig, index: number): Promise<Region> {
  const { topics } = project.config.value;
  const desired = desiredTopics(topics, (at) => project.config.origin(['topics', at]).text);
  return { project, index, config, kafka: await kafkaTarget(deps, project, index), desired };
}

/** Where the Postgres of a region is asked. */
export interface PostgresTargets {
  readonly writer: NamedSqlTarget;
  readonly replicas: readonly NamedSqlTarget[];
  /** Through the pooler, as the service does; undefined where uplift.yaml names none. */
  readonly pooled: SqlTarget | undefined;
}

/** Connection targets of the writer and the replicas, asked directly, and of the pooler. */
export async function postgresTargets(
  deps: Deps,
  { project, config }: Region,
): Promise<PostgresTargets | undefined> {
  const { postgres } = config;
  if (postgres === undefined) return undefined;
  const password =
    postgres.password === undefined ? undefined : await secretOf(deps, project, postgres.password);
  const { requestTimeout } = project.config.value.limits;
  const target = ({ name, address }: { name: string; address: string }): NamedSqlTarget => {
    const at = address.lastIndexOf(':');
    return {
      name,
      host: address.slice(0, at),
      port: Number(address.slice(at + 1)),
      database: postgres.database,
      user: postgres.user,
      ...(password === undefined ? {} : { password }),
      applicationName: 'uplift',
      maxConnections: 2,
      connectTimeoutMs: requestTimeout,
      queryTimeoutMs: requestTimeout,
    };
  };
  const { writer, replicas, pooler } = postgres;
  return {
    writer: target(writer),
    replicas: replicas.map(target),
    pooled: pooler === undefined ? undefined : target({ name: 'pooler', address: pooler }),
  };
}

export type NamedSqlTarget = SqlTarget & { readonly name: string };
