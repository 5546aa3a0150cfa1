import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { ClusterState, ConfigEntry, TopicSpec, TopicState } from '../clients/kafka/ports.ts';
import { addAssignment, assignReplicas, type BrokerLoad } from './assignment.ts';
import type { DesiredTopic } from './section.ts';

/** What is to be done about one declared topic. `differs` and `impossible` are refused: this version only creates. */
export type TopicChange =
  | { readonly action: 'create'; readonly spec: TopicSpec; readonly origin: string }
  | { readonly action: 'equal'; readonly name: string; readonly origin: string }
  | {
      readonly action: 'differs';
      readonly name: string;
      readonly origin: string;
      readonly differences: readonly Difference[];
    }
  | {
      readonly action: 'impossible';
      readonly name: string;
      readonly origin: string;
      readonly reason: string;
    };

export interface Difference {
  readonly what: string;
  readonly is: string;
  readonly shouldBe: string;
}

/** A saved plan is refused when the cluster's fingerprint is no longer the one it was made from. */
export interface TopicsPlan {
  readonly formatVersion: 1;
  readonly region: string;
  readonly clusterId: string;
  readonly fingerprint: string;
  readonly changes: readonly TopicChange[];
  /** Topics on the cluster that uplift.yaml does not declare (internal ones left out): named, never touched. */
  readonly unmanaged: readonly string[];
  /** Partition replicas per broker before and after. */
  readonly load: readonly {
    readonly broker: number;
    readonly rack: string | null;
    readonly before: number;
    readonly after: number;
  }[];
}

export interface TopicsFacts {
  readonly region: string;
  readonly state: ClusterState;
  readonly configs: ReadonlyMap<string, readonly ConfigEntry[]>;
  /** Registered brokers that do not answer for themselves. */
  readonly silent?: readonly number[];
}

/** Pure: facts and wishes to plan. Topics to create are assigned one after another, so that their leaders stay level together. */
export function planTopics(facts: TopicsFacts, desired: readonly DesiredTopic[]): TopicsPlan {
  const before = brokerLoads(facts.state);
  let loads = before;
  const changes = desired.map((topic): TopicChange => {
    const existing = facts.state.topics.find(({ name }) => name === topic.name);
    if (existing !== undefined) return compareTopic(topic, existing, facts.configs.get(topic.name) ?? []);
    const assignment = assignReplicas(loads, topic.partitions, topic.replicationFactor);
    if (assignment === undefined) {
      const reason = `replication factor ${topic.replicationFactor} needs as many brokers; ${loads.length} are registered`;
      return { action: 'impossible', name: topic.name, origin: topic.origin, reason };
    }
    loads = addAssignment(loads, assignment);
    return {
      action: 'create',
      spec: { name: topic.name, assignment, configs: topic.configs },
      origin: topic.origin,
    };
  });
  const declared = new Set(desired.map(({ name }) => name));
  return {
    formatVersion: 1,
    region: facts.region,
    clusterId: facts.state.clusterId,
    fingerprint: fingerprintOf(facts),
    changes,
    unmanaged: facts.state.topics
      .filter((t) => !t.internal && !declared.has(t.name) && !t.name.startsWith('_'))
      .map((t) => t.name),
    load: loads.map((after, index) => ({
      broker: after.id,
      rack: after.rack,
      before: before[index]?.replicas ?? 0,
      after: after.replicas,
    })),
  };
}

/** What each live broker carries now: replicas, and partitions it is the preferred leader of. */
export function brokerLoads(state: ClusterState): BrokerLoad[] {
  const partitions = state.topics.flatMap((topic) => topic.partitions);
  return state.brokers
    .toSorted((a, b) => a.id - b.id)
    .map(({ id, rack }) => ({
      id,
      rack,
      replicas: partitions.filter((p) => p.replicas.includes(id)).length,
      leaders: partitions.filter((p) => p.replicas[0] === id).length,
    }));
}

function compareTopic(
  topic: DesiredTopic,
  existing: TopicState,
  configs: readonly ConfigEntry[],
): TopicChange {
  const differences = differencesOf(topic, existing, configs);
  if (differences.length === 0) return { action: 'equal', name: topic.name, origin: topic.origin };
  return { action: 'differs', name: topic.name, origin: topic.origin, differences };
}

/** Every declared value that the cluster has otherwise. Configs that are not declared are not compared. */
export function differencesOf(
  topic: DesiredTopic,
  existing: TopicState,
  configs: readonly ConfigEntry[],
): Difference[] {
  const differences: Difference[] = [];
  const add = (what: string, is: string, shouldBe: string): void => {
    if (is !== shouldBe) differences.push({ what, is, shouldBe });
  };
  add('partitions', String(existing.partitions.length), String(topic.partitions));
  const factors = new Set(existing.partitions.map((p) => p.replicas.length));
  add('replicas', [...factors].join(', '), String(topic.replicationFactor));
  for (const [name, value] of Object.entries(topic.configs)) {
    add(name, configs.find((entry) => entry.name === name)?.value ?? 'not set', value);
  }
  return differences;
}

/**
 * SHA-256 over what the plan was made from: cluster, brokers with racks, assignments, ISR and own configs — never sizes,
 * leaders of the moment or times, which change without making a plan wrong.
 */
export function fingerprintOf({ state, configs }: TopicsFacts): string {
  const text = canonicalize({
    clusterId: state.clusterId,
    brokers: state.brokers.map(({ id, rack }) => ({ id, rack })).toSorted((a, b) => a.id - b.id),
    topics: state.topics
      .filter((topic) => !topic.internal)
      .map(({ id, name, partitions }) => ({
        id,
        name,
        assignment: partitions.toSorted((a, b) => a.partition - b.partition).map((p) => p.replicas),
        isr: partitions
          .toSorted((a, b) => a.partition - b.partition)
          .map((p) => p.isr.toSorted((a, b) => a - b)),
        configs: Object.fromEntries(
          (configs.get(name) ?? []).filter((entry) => entry.own).map((entry) => [entry.name, entry.value]),
        ),
      }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  });
  return createHash('sha256')
    .update(text ?? '')
    .digest('hex');
}

/** The topics a plan would create. */
export function creations(plan: TopicsPlan): TopicSpec[] {
  return plan.changes.flatMap((change) => (change.action === 'create' ? [change.spec] : []));
}

/** True when something is declared that this version cannot bring about. */
export function refusals(plan: TopicsPlan): TopicChange[] {
  return plan.changes.filter((change) => change.action === 'differs' || change.action === 'impossible');
}
