import type { Cluster, ClusterState, TopicSpec, Topics } from '../clients/kafka/ports.ts';
import { waitFor } from '../core/wait.ts';

/**
 * Makes a topic of uplift's own (`_uplift.…`) where it is missing, and returns once every partition of it has a leader.
 * Throws with Kafka's error name when it could not be made.
 */
export async function makeOwnTopic(
  { cluster, topics }: { readonly cluster: Cluster; readonly topics: Topics },
  name: string,
  timeoutMs: number,
  specOf: (state: ClusterState) => Omit<TopicSpec, 'name'>,
): Promise<void> {
  const state = await cluster.describe({ topics: [name], timeoutMs });
  if (state.topics.some((topic) => topic.name === name)) return;
  const spec = { name, ...specOf(state) };
  const [result] = await topics.create([spec], { validateOnly: false, timeoutMs });
  // Somebody else made it in the same moment: then it is there.
  if (result?.error !== null && result?.error !== 'TOPIC_ALREADY_EXISTS')
    throw new Error(`${name} could not be made: ${result?.error ?? 'no answer'}`);
  // Brokers hear of a new topic one after the other; one that has not yet would deny it.
  const known = async (): Promise<boolean> => {
    const now = await cluster.describe({ topics: [name], timeoutMs });
    const partitions = now.topics.flatMap((topic) => topic.partitions);
    return partitions.length === spec.assignment.length && partitions.every(({ leader }) => leader >= 0);
  };
  await waitFor(known, { what: `${name} led`, timeoutMs });
}
