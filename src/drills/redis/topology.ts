import type { RedisNodeView } from '../../facts/redis/cluster.ts';
import { type RedisLook, type SeenLook, selfOf } from './look.ts';

/** One node's place: what it is, whom it follows, which slots it serves. */
export interface RedisPlace {
  readonly id: string;
  /** Where we ask it, which need not be where it announces itself. */
  readonly address: string;
  readonly role: 'master' | 'replica';
  readonly masterId: string | null;
  readonly ranges: readonly string[];
}

/** What a drill must put back. JSON, so it can be journaled. */
export interface RedisTopology {
  readonly nodes: readonly RedisPlace[];
}

export const REDIS_SLOTS = 16_384;

/** Pure: every node's place by its own word, by address. Nodes that were not seen are not in it. */
export function topologyOf(looks: readonly RedisLook[]): RedisTopology {
  const nodes = looks.flatMap((look): RedisPlace[] => {
    const own = look.seen ? selfOf(look.view) : undefined;
    if (own === undefined) return [];
    const { id, role, masterId, ranges } = own;
    return [{ id, address: look.address, role, masterId, ranges: [...ranges] }];
  });
  return { nodes: nodes.toSorted((a, b) => (a.address < b.address ? -1 : 1)) };
}

/** Those that serve slots. */
export function mastersOf({ nodes }: RedisTopology): RedisPlace[] {
  return nodes.filter(({ role, ranges }) => role === 'master' && ranges.length > 0);
}

export function replicasOf({ nodes }: RedisTopology, masterId: string): RedisPlace[] {
  return nodes.filter((node) => node.masterId === masterId);
}

/** How many of so many masters a decision needs. */
export function majorityOf(masters: number): number {
  return Math.floor(masters / 2) + 1;
}

/** Does this look say that its node leads these slots? By its own word: a node is elected before others know. */
export function leads(look: RedisLook, ranges: readonly string[]): boolean {
  if (!look.seen || look.role.role !== 'master') return false;
  return selfOf(look.view)?.ranges.join() === ranges.join();
}

/**
 * Pure: every difference between a saved topology and what every single node says now, as sentences; empty means
 * restored. What nodes say of themselves comes first. Nodes that were added since are no differences.
 */
export function diffRedis(before: RedisTopology, looks: readonly RedisLook[]): string[] {
  const seen = before.nodes.flatMap((was) => {
    const look = looks.find(({ address }) => address === was.address);
    return look?.seen === true ? [{ was, look }] : [];
  });
  const silent = before.nodes.flatMap(({ address }) => {
    const look = looks.find((each) => each.address === address);
    return look?.seen === true ? [] : [`${address} does not answer (${look?.reason ?? 'it was not asked'})`];
  });
  const own = seen.flatMap(({ was, look }) => ownDifferences(was, look, before));
  const others = seen.flatMap(({ was: by, look }) =>
    before.nodes
      .filter(({ id }) => id !== by.id)
      .flatMap((was) =>
        placeDifferences(was, lineOf(look, was), before).map((text) => `${by.address} says: ${text}`),
      ),
  );
  return [...silent, ...own, ...others];
}

function lineOf({ view }: SeenLook, { id }: RedisPlace): RedisNodeView | undefined {
  return view.nodes.find((node) => node.id === id);
}

function ownDifferences(was: RedisPlace, look: SeenLook, before: RedisTopology): string[] {
  const { view, role } = look;
  const differences = placeDifferences(was, selfOf(view), before);
  if (role.role === 'replica' && role.link !== 'connected')
    differences.push(`the link of ${was.address} to its master is not up (${role.link})`);
  if (view.state !== 'ok') differences.push(`${was.address} says cluster_state ${view.state || 'nothing'}`);
  if (view.slotsOk !== REDIS_SLOTS)
    differences.push(`${was.address} sees ${view.slotsOk} of ${REDIS_SLOTS} slots served`);
  return differences;
}

function placeDifferences(was: RedisPlace, is: RedisNodeView | undefined, before: RedisTopology): string[] {
  const { address } = was;
  if (is === undefined || is.id !== was.id) return [`${address} is another node than ${was.id}`];
  const nameOf = (id: string | null): string =>
    before.nodes.find((node) => node.id === id)?.address ?? id ?? 'nobody';
  const differences: string[] = [];
  if (is.role !== was.role) differences.push(`${address} is a ${is.role}, was a ${was.role}`);
  else if (is.masterId !== was.masterId)
    differences.push(`${address} follows ${nameOf(is.masterId)}, followed ${nameOf(was.masterId)}`);
  if (is.ranges.join() !== was.ranges.join())
    differences.push(
      `${address} serves ${is.ranges.join(' ') || 'no slots'}, served ${was.ranges.join(' ') || 'none'}`,
    );
  if (is.troubles.length > 0) differences.push(`${address} is marked ${is.troubles.join(', ')}`);
  return differences;
}
