import { openCluster } from '../../clients/kafka/index.ts';
import type { Cluster } from '../../clients/kafka/ports.ts';
import type { Deps } from '../../deps.ts';
import { observeTopics } from '../../topics/observe.ts';
import type { TopicsFacts } from '../../topics/plan.ts';
import type { Region } from '../shared/region.ts';

/** Opens the region's cluster for the length of one piece of work. */
export async function withCluster<T>(region: Region, work: (cluster: Cluster) => Promise<T>): Promise<T> {
  const cluster = openCluster(region.kafka);
  try {
    return await work(cluster);
  } finally {
    await cluster.close();
  }
}

/** The facts that planning and verifying of topics start from. */
export function lookAtTopics(deps: Deps, region: Region, cluster: Cluster): Promise<TopicsFacts> {
  const timeoutMs = region.project.config.value.limits.requestTimeout;
  return observeTopics({
    region: region.config.name,
    cluster,
    desired: region.desired,
    nowMs: () => deps.clock.nowMs(),
    timeoutMs,
  });
}
