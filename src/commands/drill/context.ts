import { hostname } from 'node:os';
import { metadataVersion } from '../../clients/kafka/index.ts';
import type { Deps } from '../../deps.ts';
import type { DrillPorts } from '../../drills/engine/drill.ts';
import type { DrillContext } from '../../drills/record/context.ts';
import { collectVersions, type TargetVersion } from '../../facts/versions/look.ts';
import { digestOfJson } from '../../record/digest.ts';
import type { Region } from '../shared/region.ts';
import { userName } from '../shared/user-name.ts';

type VersionPorts = Pick<DrillPorts, 'writer' | 'replicas' | 'context'>;

/** Who runs a drill, with what, against what, as its record begins. What is away has no version and says why. */
export async function drillContext(
  deps: Pick<Deps, 'version'>,
  region: Region,
  ports: VersionPorts,
  approver: string | undefined,
): Promise<DrillContext> {
  return {
    who: {
      user: userName(),
      host: hostname(),
      uplift: deps.version,
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
    },
    approver: approver ?? null,
    versions: await versionsOf(region, ports),
    configSha256: digestOfJson(region.project.config.value),
  };
}

function versionsOf(
  region: Region,
  { writer, replicas, context: { cluster, redis } }: VersionPorts,
): Promise<TargetVersion[]> {
  const timeoutMs = region.project.config.value.limits.requestTimeout;
  return collectVersions({
    kafka: async () => {
      const [{ clusterId }, level] = await Promise.all([
        cluster.describe({ topics: [], timeoutMs }),
        metadataVersion(region.kafka, { timeoutMs }),
      ]);
      return { clusterId, metadataVersion: level };
    },
    postgres: [writer, ...replicas],
    redis: (region.config.redis?.nodes ?? []).map((address) => redis.at(address)),
    timeoutMs,
  });
}
