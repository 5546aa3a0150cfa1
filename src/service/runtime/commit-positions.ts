import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Groups } from '../../clients/kafka/group-ports.ts';
import { reasonOf } from '../../core/error.ts';

const EVERY_MS = 1000;
const TIMEOUT_MS = 3000;
/** Without members a group's offset is forgotten so long after its own last commit (offsets.retention.minutes, 7 days). */
const AGAIN_MS = 3_600_000;

export interface CommitPositionsOptions {
  /** Opened here and closed by `stop`. */
  readonly groups: Pick<Groups, 'commit' | 'close'>;
  readonly groupId: string;
  readonly topic: string;
  /** Next offset by partition as of now; partitions without a known position are left out. */
  readonly positions: () => ReadonlyMap<number, bigint>;
  readonly onFailed: () => void;
  readonly log: Logger;
  readonly everyMs?: number;
  /** One that stands still is committed again after so long. */
  readonly againMs?: number;
}

/**
 * Commits positions to a group in the background, those that moved, about once a second, so that lag tools see them;
 * those that stand still once an hour, or Kafka would forget them. Nothing reads them back. A failure is counted,
 * logged once per new reason, and otherwise without effect.
 */
export class CommitPositions {
  readonly #options: CommitPositionsOptions;
  readonly #committed = new Map<number, { readonly offset: bigint; readonly atMs: number }>();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #logged: string | undefined;

  constructor(options: CommitPositionsOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** Ends without a last commit: a report is not worth waiting for. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#options.groups.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await delay(this.#options.everyMs ?? EVERY_MS, undefined, { signal }).catch(() => undefined);
      if (!signal.aborted) await this.#commit();
    }
  }

  async #commit(): Promise<void> {
    const { groups, groupId, topic, positions, onFailed, log, againMs = AGAIN_MS } = this.#options;
    const atMs = performance.now();
    const moved = [...positions()].filter(([partition, offset]) => {
      const last = this.#committed.get(partition);
      return last?.offset !== offset || atMs - last.atMs >= againMs;
    });
    if (moved.length === 0) return;
    try {
      const offsets = moved.map(([partition, offset]) => ({ topic, partition, offset }));
      await groups.commit(groupId, offsets, { timeoutMs: TIMEOUT_MS });
      for (const [partition, offset] of moved) this.#committed.set(partition, { offset, atMs });
      this.#logged = undefined;
    } catch (error) {
      onFailed();
      const reason = reasonOf(error);
      if (reason !== this.#logged) log.warn({ reason, groupId }, 'positions not committed for lag tools');
      this.#logged = reason;
    }
  }
}
