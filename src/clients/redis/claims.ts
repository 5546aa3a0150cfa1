import { Cluster } from 'ioredis';
import { reasonOf, UpliftError } from '../../core/error.ts';
import { withDeadline } from '../../core/wait.ts';
import { splitAddress } from './parse.ts';
import type { Claim, Claims, RedisTarget } from './ports.ts';

const MAX_REDIRECTIONS = 8;
const RETRY_DELAY_MS = 50;
const PROBE_TTL_MS = 5000;

/**
 * Opens a Redis Cluster client. Redirections and waits are bounded by count and by `timeoutMs` (stock
 * settings gave 2,700 "Too many Cluster redirections" in one failover); nothing is queued while no node is known, so a
 * dead cluster is an answer at once. It reconnects in the background until closed.
 */
export function openClaims(target: RedisTarget): Claims {
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
  return new ClusterClaims(cluster, target);
}

class ClusterClaims implements Claims {
  readonly #cluster: Cluster;
  readonly #target: RedisTarget;

  constructor(cluster: Cluster, target: RedisTarget) {
    this.#cluster = cluster;
    this.#target = target;
  }

  async claim(key: string, value: string, ttlMs: number): Promise<Claim> {
    const before = await this.#call(() => this.#cluster.set(key, value, 'PX', ttlMs, 'NX', 'GET'));
    return before === null ? { claimed: true } : { claimed: false, value: before };
  }

  async put(key: string, value: string, ttlMs: number): Promise<void> {
    await this.#call(() => this.#cluster.set(key, value, 'PX', ttlMs));
  }

  async probe(): Promise<void> {
    await this.put('uplift:probe', '1', PROBE_TTL_MS);
  }

  async close(): Promise<void> {
    this.#cluster.disconnect();
  }

  async #call<T>(command: () => Promise<T>): Promise<T> {
    try {
      return await withDeadline('Redis', this.#target.timeoutMs, command());
    } catch (error) {
      throw new UpliftError('UPL-REDIS-UNREACHABLE', {
        message: `Redis Cluster at ${this.#target.nodes.join(', ')} did not answer: ${reasonOf(error)}`,
        next: 'If this is the sandbox: uplift sandbox status',
        cause: error,
      });
    }
  }
}
