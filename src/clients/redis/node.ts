import { Redis } from 'ioredis';
import { reasonOf, UpliftError } from '../../core/error.ts';
import { withDeadline } from '../../core/wait.ts';
import { parseInfo, splitAddress } from './parse.ts';
import type { RedisNode } from './ports.ts';

export interface RedisNodeTarget {
  readonly address: string;
  readonly password?: string;
  /** Upper bound of one call, connect included. */
  readonly timeoutMs: number;
}

/** Opens one node for reading its state; connects with the first call. Throws UPL-REDIS-UNREACHABLE from its calls. */
export function openRedisNode(target: RedisNodeTarget): RedisNode {
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
  const call = async <T>(command: () => Promise<T>): Promise<T> => {
    try {
      return await withDeadline('Redis', target.timeoutMs, command());
    } catch (error) {
      throw new UpliftError('UPL-REDIS-UNREACHABLE', {
        message: `Redis at ${target.address} did not answer: ${reasonOf(error)}`,
        cause: error,
      });
    }
  };
  return {
    address: target.address,
    info: async (section) => parseInfo(await call(() => redis.info(section))),
    clusterNodes: async () =>
      String(await call(() => redis.call('CLUSTER', 'NODES')))
        .split('\n')
        .filter((line) => line !== ''),
    clusterInfo: async () => parseInfo(String(await call(() => redis.call('CLUSTER', 'INFO')))),
    close: async () => redis.disconnect(),
  };
}
