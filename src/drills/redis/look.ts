import type { RedisNode, RedisNodes, RedisRole } from '../../clients/redis/ports.ts';
import { reasonOf } from '../../core/error.ts';
import { parseView, type RedisNodeView, type RedisView } from '../../facts/redis/cluster.ts';

/** What one node says of itself and of the cluster, or why it says nothing. */
export type RedisLook =
  | { readonly address: string; readonly seen: true; readonly view: RedisView; readonly role: RedisRole }
  | { readonly address: string; readonly seen: false; readonly reason: string };

export type SeenLook = Extract<RedisLook, { seen: true }>;

/** Looks at nodes side by side; one that does not answer is an answer too. */
export function lookAtNodes(nodes: RedisNodes, addresses: readonly string[]): Promise<RedisLook[]> {
  return Promise.all(addresses.map((address) => lookAt(nodes.at(address))));
}

async function lookAt(node: RedisNode): Promise<RedisLook> {
  const { address } = node;
  try {
    const [info, lines, role] = await Promise.all([node.clusterInfo(), node.clusterNodes(), node.role()]);
    return { address, seen: true, view: parseView(info, lines), role };
  } catch (error) {
    return { address, seen: false, reason: reasonOf(error) };
  }
}

/** The line of a view about the node that gave it. */
export function selfOf({ nodes }: RedisView): RedisNodeView | undefined {
  return nodes.find(({ self }) => self);
}
