import type { Cluster } from 'ioredis';
import { answerOf, connect } from './connect.ts';
import type { Claim, Claims, RedisTarget } from './ports.ts';

const PROBE_TTL_MS = 5000;

/** Opens claims on a Redis Cluster; see `connect`. The caller closes them. */
export function openClaims(target: RedisTarget): Claims {
  return new ClusterClaims(connect(target), target);
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

  #call<T>(command: () => Promise<T>): Promise<T> {
    return answerOf(this.#target, command);
  }
}
