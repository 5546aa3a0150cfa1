import type { RedisNode } from '../../clients/redis/ports.ts';
import { type Observed, observe } from '../observed.ts';

export interface RedisNodeView {
  readonly id: string;
  readonly address: string;
  readonly role: 'master' | 'replica';
  readonly masterId: string | null;
  /** Flags such as `fail`, `fail?`, `handshake`, `noaddr`. */
  readonly troubles: readonly string[];
  readonly linked: boolean;
  readonly slots: number;
  /** `0-5460`, `5462`: what it serves, in the order of Redis; slots under way are left out. */
  readonly ranges: readonly string[];
  /** Grows with every change of who serves its slots. */
  readonly epoch: number;
  /** The node that gave this view. */
  readonly self: boolean;
}

/** What one node says of the cluster; nodes can disagree, so every node is asked. */
export interface RedisView {
  readonly state: string;
  readonly slotsOk: number;
  readonly nodes: readonly RedisNodeView[];
}

export interface RedisFacts {
  readonly views: readonly { readonly address: string; readonly view: Observed<RedisView> }[];
}

/** Asks every configured node for its own view. */
export async function collectRedisFacts(
  nodes: readonly Pick<RedisNode, 'address' | 'clusterInfo' | 'clusterNodes'>[],
  nowMs: () => number,
): Promise<RedisFacts> {
  const views = nodes.map(async (node) => ({
    address: node.address,
    view: await observe(nowMs, async () => parseView(await node.clusterInfo(), await node.clusterNodes())),
  }));
  return Object.freeze({ views: await Promise.all(views) });
}

const TROUBLES = ['fail', 'fail?', 'handshake', 'noaddr'];

/** Reads CLUSTER INFO and the lines of CLUSTER NODES (redis.io/commands/cluster-nodes). */
export function parseView(info: ReadonlyMap<string, string>, lines: readonly string[]): RedisView {
  return {
    state: info.get('cluster_state') ?? '',
    slotsOk: Number(info.get('cluster_slots_ok') ?? 0),
    nodes: lines.map(parseNode),
  };
}

function parseNode(line: string): RedisNodeView {
  const [id = '', address = '', flagText = '', master = '-', , , epoch = '', link = '', ...slots] =
    line.split(' ');
  const flags = flagText.split(',');
  const ranges = slots.filter((slot) => !slot.startsWith('['));
  return {
    id,
    address: address.split('@')[0] ?? address,
    role: flags.includes('master') ? 'master' : 'replica',
    masterId: master === '-' ? null : master,
    troubles: flags.filter((flag) => TROUBLES.includes(flag)),
    linked: link === 'connected',
    slots: ranges.reduce((sum, range) => sum + sizeOf(range), 0),
    ranges,
    epoch: Number(epoch),
    self: flags.includes('myself'),
  };
}

function sizeOf(range: string): number {
  const [from = '0', to] = range.split('-');
  return to === undefined ? 1 : Number(to) - Number(from) + 1;
}
