import { Redis } from 'ioredis';
import { reasonOf } from '../../core/error.ts';
import { splitAddress } from './parse.ts';
import type { RedisWriter, WriteAnswer } from './ports.ts';

export interface RedisWriterTarget {
  readonly address: string;
  /** Upper bound of a connect, and of one write. */
  readonly timeoutMs: number;
  /** Replicas that must have a write before it counts; 0: the master's word is enough. */
  readonly waitReplicas: number;
}

const RECONNECT_MS = 100;

/** Opens a connection of its own to one node and begins to connect at once; nothing waits in it and nothing is sent twice. */
export function openRedisWriter(target: RedisWriterTarget): RedisWriter {
  const redis = new Redis({
    ...splitAddress(target.address),
    retryStrategy: () => RECONNECT_MS,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    connectTimeout: target.timeoutMs,
    commandTimeout: target.timeoutMs,
    noDelay: true,
  });
  redis.on('error', () => undefined);
  const connected = (): boolean => redis.status === 'ready';
  return {
    address: target.address,
    connected,
    async set(key, value, ttlMs) {
      // What was never sent stands nowhere; of what was sent only the server can say so.
      if (!connected()) return { outcome: 'fail', reason: 'not connected' };
      const written = redis.set(key, value, 'PX', ttlMs);
      const replicas =
        target.waitReplicas === 0 ? undefined : redis.wait(target.waitReplicas, target.timeoutMs / 2);
      const [set, wait] = await Promise.allSettled([written, replicas]);
      if (set.status === 'rejected') return refusalOf(set.reason);
      if (wait.status === 'rejected') return { outcome: 'info', reason: reasonOf(wait.reason) };
      if (wait.value === undefined || wait.value >= target.waitReplicas) return { outcome: 'ok' };
      return {
        outcome: 'info',
        reason: `only ${wait.value} of ${target.waitReplicas} replicas had it in time`,
      };
    },
    close: async () => redis.disconnect(),
  };
}

/** An error that the server answered to a SET says that nothing was set; any other leaves it open. */
function refusalOf(error: unknown): WriteAnswer {
  const reason = reasonOf(error);
  if (!(error instanceof Error) || error.name !== 'ReplyError') return { outcome: 'info', reason };
  const movedTo = /^MOVED \d+ (\S+)$/.exec(reason)?.[1];
  return { outcome: 'fail', reason, ...(movedTo === undefined ? {} : { movedTo }) };
}
