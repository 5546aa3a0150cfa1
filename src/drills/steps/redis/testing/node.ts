// For tests: the nodes of a Redis Cluster in memory.

export interface Node {
  readonly id: string;
  readonly address: string;
  state: 'up' | 'stopped' | 'gone';
  masterId: string | null;
  ranges: string[];
  epoch: number;
  linked: boolean;
  /** The others have heard that it is back: until then they mark it as failed, and its master does not hear it. */
  known: boolean;
  data: Set<string>;
}

const RANGES = ['0-5460', '5461-10922', '10923-16383'];

/** Three masters with a replica each, every shard with a key of its own. */
export function freshNodes(): Node[] {
  const master = (shard: number): Node => ({
    ...{
      id: `id${shard}`,
      address: `h:700${shard}`,
      state: 'up',
      masterId: null,
      linked: true,
      known: true,
    },
    ...{ ranges: [RANGES[shard - 1] ?? ''], epoch: shard, data: new Set([`key ${shard}`]) },
  });
  const replica = (shard: number): Node => ({
    ...master(shard),
    ...{
      id: `id${shard + 3}`,
      address: `h:700${shard + 3}`,
      masterId: `id${shard}`,
      ranges: [],
      epoch: shard,
    },
  });
  return [1, 2, 3].map(master).concat([1, 2, 3].map(replica));
}

/** As CLUSTER NODES prints it. */
export function lineOf(node: Node, self: boolean): string {
  const role = node.masterId === null ? 'master' : 'slave';
  const flags = [
    ...(self ? ['myself'] : []),
    role,
    ...(node.state === 'up' && (self || node.known) ? [] : ['fail']),
  ].join();
  const link = node.state === 'up' ? 'connected' : 'disconnected';
  return [
    node.id,
    `${node.address}@1`,
    flags,
    node.masterId ?? '-',
    0,
    0,
    node.epoch,
    link,
    ...node.ranges,
  ].join(' ');
}
