import { createHash } from 'node:crypto';
import { Cluster } from 'ioredis';
import { reasonOf, UpliftError } from '../../core/error.ts';
import { withDeadline } from '../../core/wait.ts';
import { splitAddress } from './parse.ts';
import type { RedisTarget } from './ports.ts';

const MAX_REDIRECTIONS = 8;
const RETRY_DELAY_MS = 50;

/**
 * Opens a Redis Cluster client. Redirections and waits are bounded by count and by `timeoutMs` (stock
 * settings gave 2,700 "Too many Cluster redirections" in one failover); nothing is queued while no node is known, so a
 * dead cluster is an answer at once. It reconnects in the background until closed.
 */
export function connect(target: RedisTarget): Cluster {
  const cluster = new Cluster(target.nodes.map(splitAddress), {
    enableOfflineQueue: false,
    maxRedirections: MAX_REDIRECTIONS,
    retryDelayOnFailover: RETRY_DELAY_MS,
    retryDelayOnClusterDown: RETRY_DELAY_MS,
    retryDelayOnTryAgain: RETRY_DELAY_MS,
    retryDelayOnMoved: 0,
    slotsRefreshTimeout: target.timeoutMs,
    slotsRefreshInterval: 2000,
    clusterRetryStrategy: (times: number) => Math.min(100 * times, 1000),
    redisOptions: {
      ...(target.password === undefined ? {} : { password: target.password }),
      connectTimeout: target.timeoutMs,
      commandTimeout: target.timeoutMs,
      maxRetriesPerRequest: 0,
      noDelay: true,
    },
  });
  // Errors reach the callers of commands; without a listener a lost node would end the process.
  cluster.on('error', () => undefined);
  return cluster;
}

/** The answer of a command within the target's time, or UPL-REDIS-UNREACHABLE. */
export async function answerOf<T>(target: RedisTarget, command: () => Promise<T>): Promise<T> {
  try {
    return await withDeadline('Redis', target.timeoutMs, command());
  } catch (error) {
    throw new UpliftError('UPL-REDIS-UNREACHABLE', {
      message: `Redis Cluster at ${target.nodes.join(', ')} did not answer: ${reasonOf(error)}`,
      next: 'If this is the sandbox: uplift sandbox status',
      cause: error,
    });
  }
}

/** A Lua script over one key: by its hash, with its text where a server does not know it yet. */
export function script(
  cluster: Cluster,
  text: string,
): (key: string, args: readonly (string | number)[]) => Promise<unknown> {
  const sha = createHash('sha1').update(text).digest('hex');
  return async (key, args) => {
    try {
      return await cluster.evalsha(sha, 1, key, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return await cluster.eval(text, 1, key, ...args);
    }
  };
}
