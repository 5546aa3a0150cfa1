import { setTimeout as delay } from 'node:timers/promises';
import { listGroupsV4 } from '@platformatic/kafka';
import { errorName, wholeAnswer } from './answers.ts';
import { Brokers } from './brokers.ts';
import { Committer, committed } from './coordinators.ts';
import type { GroupList, GroupListing, Groups, Told } from './group-ports.ts';
import { Directory, PATIENT_ROUNDS, PAUSE_MS, ROUNDS } from './leaders.ts';
import { edges } from './log-edges.ts';
import type { ClusterState } from './ports.ts';
import { times } from './record-times.ts';
import type { KafkaTarget } from './target.ts';

const COMMITS_TOPIC = '__consumer_offsets';
/** COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE. */
const LOADING = new Set([14, 15]);

/** Groups over raw requests: one connection a broker, opened when it is first needed. The caller closes it. */
export function openGroups(target: KafkaTarget): Groups {
  const brokers = new Brokers(target);
  const directory = new Directory(brokers);
  const committer = new Committer(directory);
  return {
    list: ({ timeoutMs }) => listGroups(directory, timeoutMs),
    committed: (groups, { timeoutMs }) => committed(directory, groups, timeoutMs),
    edges: (partitions, edge, { timeoutMs }) => edges(directory, partitions, edge, timeoutMs),
    times: (positions, { timeoutMs }) => times(directory, positions, timeoutMs),
    commit: (groupId, offsets, { timeoutMs }) => committer.commit(groupId, offsets, timeoutMs),
    requests: () => brokers.requests,
    close: () => Promise.resolve(brokers.close()),
  };
}

async function listGroups(directory: Directory, timeoutMs: number): Promise<GroupList> {
  const endsAtMs = performance.now() + timeoutMs;
  const state = await directory.refresh(timeoutMs);
  const lists = await Promise.all(state.brokers.map(({ id }) => listAt(directory, id, endsAtMs)));
  const gaps = lists.flatMap((list) => (list.told ? [] : [list.reason]));
  const byId = new Map<string, GroupListing>();
  // A group that moves just now may stand in two lists.
  for (const list of lists) if (list.told) for (const group of list.value) byId.set(group.groupId, group);
  return { state, groups: [...byId.values()], gaps: [...gaps, ...homelessGroups(state)] };
}

/** Groups of a partition of the commits topic without a leader are in nobody's list. */
function homelessGroups(state: ClusterState): string[] {
  const commits = state.topics.find(({ name }) => name === COMMITS_TOPIC);
  const without = commits?.partitions.filter(({ leader }) => leader < 0).length ?? 0;
  if (commits === undefined || without === 0) return [];
  return [`${without} of ${commits.partitions.length} partitions of ${COMMITS_TOPIC} have no leader`];
}

/** ListGroups v4 (KIP-518, Kafka 2.6 and later) at one broker; one that still loads its groups is asked again. */
async function listAt(
  directory: Directory,
  broker: number,
  endsAtMs: number,
): Promise<Told<readonly GroupListing[]>> {
  let reason = '';
  for (let round = 0; round < PATIENT_ROUNDS; round += 1) {
    const leftMs = endsAtMs - performance.now();
    if (round > 0 && leftMs <= PAUSE_MS) break;
    if (round > 0) await delay(PAUSE_MS);
    const told = await directory.ask(broker, leftMs, (to) => wholeAnswer(listGroupsV4.api.async(to, [], [])));
    if (!told.told) reason = told.reason;
    else if (told.value.errorCode === 0) return { told: true, value: told.value.groups.map(listingAt) };
    else reason = `broker ${broker}: ${errorName(told.value.errorCode)}`;
    if (told.told ? !LOADING.has(told.value.errorCode) : round + 1 >= ROUNDS) break;
  }
  return { told: false, reason };

  function listingAt(group: { groupId: string; groupState: string; protocolType: string }): GroupListing {
    const { groupId, groupState, protocolType } = group;
    return { groupId, state: groupState, protocolType, coordinator: broker };
  }
}
