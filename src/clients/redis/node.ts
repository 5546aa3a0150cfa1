import { Redis } from 'ioredis';
import { reasonOf, UpliftError } from '../../core/error.ts';
import { withDeadline } from '../../core/wait.ts';
import { parseInfo, parseRole, splitAddress } from './parse.ts';
import type { RedisNode, RedisNodes } from './ports.ts';

export interface RedisNodeTarget {
  readonly address: string;
  readonly password?: string;
  /** Upper bound of one call, connect included. */
  readonly timeoutMs: number;
}

/**
 * Opens one node; connects with the first call, and with the next one after the connection was lost. Throws
 * UPL-REDIS-UNREACHABLE from its calls, also for an error the server answers.
 */
export function openRedisNode(target: RedisNodeTarget): RedisNode {
  let redis = connectionTo(target);
  let closed = false;
  const call = async <T>(command: (redis: Redis) => Promise<T>): Promise<T> => {
    // A connection that has ended stays so: what was killed and started again is another one.
    if (redis.status === 'end' && !closed) redis = connectionTo(target);
    try {
      return await withDeadline('Redis', target.timeoutMs, command(redis));
    } catch (error) {
      throw new UpliftError('UPL-REDIS-UNREACHABLE', {
        message: `Redis at ${target.address} did not answer: ${reasonOf(error)}`,
        cause: error,
      });
    }
  };
  return {
    address: target.address,
    info: async (section) => parseInfo(await call((node) => node.info(section))),
    clusterNodes: async () =>
      String(await call((node) => node.call('CLUSTER', 'NODES')))
        .split('\n')
        .filter((line) => line !== ''),
    clusterInfo: async () => parseInfo(String(await call((node) => node.call('CLUSTER', 'INFO')))),
    role: async () => parseRole(await call((node) => node.call('ROLE'))),
    config: async (names) => pairsOf(await call((node) => node.call('CONFIG', 'GET', ...names))),
    failover: async () => void (await call((node) => node.call('CLUSTER', 'FAILOVER'))),
    values: (keys) =>
      call(async (node) => {
        await node.call('READONLY');
        return await node.mget(...keys);
      }),
    remove: async (keys) => void (await call((node) => node.unlink(...keys))),
    close: async () => {
      closed = true;
      redis.disconnect();
    },
  };
}

/** Opens nodes as they are asked for; closes all of them. */
export function openRedisNodes(target: Omit<RedisNodeTarget, 'address'>): RedisNodes {
  const nodes = new Map<string, RedisNode>();
  return {
    at(address) {
      const node = nodes.get(address) ?? openRedisNode({ ...target, address });
      nodes.set(address, node);
      return node;
    },
    async close() {
      await Promise.all([...nodes.values()].map((node) => node.close()));
    },
  };
}

function connectionTo(target: RedisNodeTarget): Redis {
  const redis = new Redis({
    ...splitAddress(target.address),
    ...(target.password === undefined ? {} : { password: target.password }),
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    connectTimeout: target.timeoutMs,
    commandTimeout: target.timeoutMs,
  });
  redis.on('error', () => undefined);
  return redis;
}

/** CONFIG GET answers names and values in turn. */
function pairsOf(answer: unknown): ReadonlyMap<string, string> {
  const flat = Array.isArray(answer) ? answer.map(String) : [];
  return new Map(flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? ''] as const] : [])));
}
