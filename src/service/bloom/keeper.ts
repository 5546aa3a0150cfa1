import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Bits, Claims } from '../../clients/redis/index.ts';
import { reasonOf } from '../../core/error.ts';
import { withDeadline } from '../../core/wait.ts';
import type { Generation } from './filter.ts';
import { currentGeneration } from './generations.ts';
import type { UnknownIds } from './unknown-ids.ts';

export interface KeeperOptions {
  readonly bits: Bits;
  readonly claims: Pick<Claims, 'claim' | 'put'>;
  readonly unknownIds: UnknownIds;
  readonly build: (signal: AbortSignal) => Promise<Generation>;
  readonly instance: string;
  readonly rebuildMs: number;
  readonly nowMs: () => number;
  readonly log: Logger;
}

const LOOK_EVERY_MS = 2000;
/** Whoever fails gives it to the next one after this. */
const RETRY_MS = 60_000;
/** A build that is in a long statement is left to itself: its transaction ends with its connection, and nothing is published. */
const STOP_MS = 1000;

/** Follows the generation in use, and builds the next one when it is old or no longer of use; one process of all does. */
export class BloomKeeper {
  readonly #options: KeeperOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #logged: string | undefined;
  #hasLooked = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Whether the generation in use was asked for once: it is known, or there is none, or Redis is away. */
  get hasLooked(): boolean {
    return this.#hasLooked;
  }

  start(): void {
    this.#running = this.#loop();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await withDeadline('the end of a build', STOP_MS, this.#running).catch(() => undefined);
  }

  /** One look, and a build if it is due and nobody else does it. Never throws. */
  async tick(): Promise<void> {
    const { bits, unknownIds, rebuildMs, nowMs } = this.#options;
    try {
      const current = await currentGeneration(bits).finally(() => {
        this.#hasLooked = true;
      });
      unknownIds.use(current);
      const due = current === undefined || unknownIds.unusable || nowMs() - current.builtAtMs > rebuildMs;
      if (due) await this.#build(current);
      this.#logged = undefined;
    } catch (error) {
      const reason = reasonOf(error);
      if (reason !== this.#logged) this.#options.log.warn({ reason }, 'no new Bloom filter');
      this.#logged = reason;
    }
  }

  /** The claim names the generation to be replaced: each is replaced once, and a failure frees it after a minute. */
  async #build(before: Generation | undefined): Promise<void> {
    const { claims, build, instance, rebuildMs, unknownIds, log } = this.#options;
    const key = `bloom:build:${before?.generation ?? 'first'}`;
    if (!(await claims.claim(key, instance, Math.max(rebuildMs, RETRY_MS))).claimed) return;
    try {
      const built = await build(this.#stop.signal);
      unknownIds.use(built);
      log.info(
        { generation: built.generation, completeThroughMs: built.completeThroughMs },
        'Bloom filter built',
      );
      // Should the new one get lost, a first one may be built again.
      if (before === undefined) await claims.put(key, instance, RETRY_MS);
    } catch (error) {
      await claims.put(key, instance, Math.min(RETRY_MS, rebuildMs)).catch(() => undefined);
      throw error;
    }
  }

  async #loop(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.tick();
      await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
