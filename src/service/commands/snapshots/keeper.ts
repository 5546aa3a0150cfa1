import type { Logger } from 'pino';
import { reasonOf } from '../../../core/error.ts';
import { withDeadline } from '../../../core/wait.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Base, CoveredCapture } from '../base.ts';
import type { WholeSlot } from './choose.ts';
import { type Covered, overdue, type SnapshotSettings } from './policy.ts';
import type { SlotsRead } from './read.ts';
import type { SnapshotWriter } from './writer.ts';

/** What the keeper has to know of the owner of a partition. */
export interface Kept {
  readonly phase: string;
  readonly covered: Covered;
  capture(): Promise<CoveredCapture | undefined>;
}

export interface KeeperDeps {
  readonly owners: ReadonlyMap<number, Kept>;
  readonly writer: Pick<SnapshotWriter, 'write' | 'learn'>;
  readonly settings: SnapshotSettings;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** What a partition began with, as far as the next snapshot depends on it. */
export interface Begun {
  readonly base: Base;
  readonly slots: SlotsRead;
  readonly taken: WholeSlot | undefined;
  readonly misfits: readonly string[];
}

interface Last {
  readonly covered: Covered;
  /** By this machine's clock or the record's; undefined: the partition has no snapshot. */
  readonly writtenAtMs: number | undefined;
}

const LOOK_MS = 1000;
/** What a snapshot covers is on its way through the log already; it takes longer only while Kafka is away. */
const COVER_DEADLINE_MS = 30_000;
const AGAIN_AFTER_MS = 10_000;

/**
 * Sees to it that each partition has a snapshot that is young enough: one at a time in a process, the most overdue first,
 * in the background. Decisions never wait for one.
 */
export class SnapshotKeeper {
  readonly #deps: KeeperDeps;
  readonly #last = new Map<number, Last>();
  /** Not before, by `performance.now()`: what failed just now fails again. */
  readonly #notBefore = new Map<number, number>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;
  #logged: string | undefined;

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#measure();
    this.#timer = setInterval(() => this.look(), Math.min(LOOK_MS, this.#deps.settings.everyMs));
  }

  /** The partition begins here, with a snapshot or without one. */
  restored(partition: number, { base, slots, misfits, taken }: Begun): void {
    this.#deps.writer.learn(partition, slots, misfits);
    const { nextCommandOffset, state } = base;
    const covered = { decisions: 0, nextCommandOffset, logTimeMs: state.logTimeMs };
    this.#last.set(partition, { covered, writtenAtMs: taken?.writtenAtMs });
  }

  /** Writes what is due, unless that is under way. */
  look(): void {
    this.#measure();
    if (this.#running !== undefined || this.#stopped) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Waits for the record under way; a snapshot that is cut short does not count. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let due = this.#mostOverdue(); due !== undefined && !this.#stopped; due = this.#mostOverdue())
      await this.#snapshot(due);
  }

  #mostOverdue(): number | undefined {
    const { owners, settings } = this.#deps;
    const nowMs = performance.now();
    const due = [...this.#last].flatMap(([partition, { covered }]) => {
      const owner = owners.get(partition);
      if (owner?.phase !== 'deciding' || (this.#notBefore.get(partition) ?? 0) > nowMs) return [];
      return [{ partition, by: overdue(covered, owner.covered, settings) }];
    });
    return due.filter(({ by }) => by >= 1).toSorted((a, b) => b.by - a.by)[0]?.partition;
  }

  async #snapshot(partition: number): Promise<void> {
    const { owners, writer, metrics, log } = this.#deps;
    const begunMs = performance.now();
    this.#notBefore.set(partition, begunMs + AGAIN_AFTER_MS);
    const before = this.#last.get(partition);
    try {
      const capture = owners.get(partition)?.capture() ?? Promise.resolve(undefined);
      const covered = await withDeadline('reading back what a snapshot covers', COVER_DEADLINE_MS, capture);
      if (covered === undefined) return;
      const manifest = await writer.write(partition, covered);
      // A restore in between has said anew what the partition begins with.
      if (this.#last.get(partition) === before)
        this.#last.set(partition, { covered: covered.covered, writtenAtMs: Date.now() });
      this.#notBefore.delete(partition);
      this.#logged = undefined;
      if (manifest === undefined) return;
      metrics.snapshotsWritten.inc();
      const { chunks, bytes } = manifest;
      log.debug(
        { partition, chunks, bytes, tookMs: Math.round(performance.now() - begunMs) },
        'snapshot written',
      );
    } catch (error) {
      if (this.#stopped) return;
      metrics.snapshotsFailed.inc();
      const reason = reasonOf(error);
      if (reason !== this.#logged)
        log.warn({ partition, reason }, 'snapshot not written, the one before counts');
      this.#logged = reason;
    }
  }

  #measure(): void {
    const { metrics } = this.#deps;
    const written = [...this.#last.values()].flatMap(({ writtenAtMs }) => writtenAtMs ?? []);
    metrics.snapshotsMissing.set(this.#last.size - written.length);
    metrics.snapshotAge.set(
      written.length === 0 ? Number.NaN : Math.max(0, Date.now() - Math.min(...written)) / 1000,
    );
  }
}
