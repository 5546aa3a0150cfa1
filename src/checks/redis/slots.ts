import type { RedisView } from '../../facts/redis/cluster.ts';
import { type Check, type CheckFacts, type Judgement, judged, notSeen } from '../check.ts';

const SLOTS = 16_384;

/** Every node says the cluster is ok with all slots served, and every shard has a linked replica. */
export const redisSlots: Check = {
  id: 'redis.cluster.slots',
  title: 'every Redis node sees all 16,384 slots served and a replica per shard',
  judge: judgeSlots,
};

function judgeSlots({ redis, originOf, region }: CheckFacts): Judgement {
  const promise = originOf(['regions', region, 'redis', 'nodes']);
  if (redis === undefined)
    return { status: 'notApplicable', summary: 'no Redis in uplift.yaml', evidence: [] };
  const seen = redis.views.flatMap(({ address, view }) => (view.seen ? [{ address, view: view.value }] : []));
  const silent = redis.views.flatMap(({ address, view }) =>
    view.seen ? [] : [`${address} (${view.reason})`],
  );
  if (seen.length === 0)
    return { ...notSeen('CLUSTER INFO', silent.join(', ') || 'no node is configured'), promise };
  const found = seen.flatMap(({ address, view }) => problemsOf(address, view));
  // First: judged names only the first few, and every other node repeats what follows from this.
  const problems = found.length === 0 ? [] : [...silent.map((one) => `no answer from ${one}`), ...found];
  const evidence = [
    {
      query: 'CLUSTER INFO, CLUSTER NODES',
      value: seen.map(({ address, view }) => `${address} ${view.state} ${view.slotsOk} slots`).join('; '),
    },
  ];
  if (problems.length === 0 && silent.length > 0)
    return { ...notSeen('CLUSTER INFO', `no answer from ${silent.join(', ')}`), evidence, promise };
  const masters = seen[0]?.view.nodes.filter((node) => node.slots > 0).length ?? 0;
  return judged(
    problems,
    'fail',
    `${seen.length} nodes agree: ${masters} shards, ${SLOTS.toLocaleString('en-US')} slots`,
    { evidence, promise },
  );
}

function problemsOf(address: string, view: RedisView): string[] {
  const problems: string[] = [];
  const troubled = view.nodes.filter(({ troubles }) => troubles.length > 0);
  const bare = view.nodes.filter(
    (node) =>
      node.slots > 0 &&
      !view.nodes.some((other) => other.masterId === node.id && other.linked && other.troubles.length === 0),
  );
  if (view.state !== 'ok') problems.push(`${address} says cluster_state ${view.state || 'nothing'}`);
  if (view.slotsOk !== SLOTS) problems.push(`${address} sees ${view.slotsOk} of ${SLOTS} slots served`);
  for (const node of troubled)
    problems.push(`${address} marks ${node.address} as ${node.troubles.join(', ')}`);
  for (const node of bare) problems.push(`${address} sees no linked replica of ${node.address}`);
  return problems;
}
