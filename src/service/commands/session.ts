import type { Logger } from 'pino';
import type {
  Cluster,
  PartitionBounds,
  Produce,
  Read,
  Reader,
  ReadPosition,
  RecordBatch,
} from '../../clients/kafka/ports.ts';
import type { EventSchema } from '../../contract/events.ts';
import { TOPICS } from '../../contract/records.ts';
import { withDeadline } from '../../core/wait.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { ProbeResult } from '../runtime/probes.ts';
import { boundsOf, checkLogTime, checkTopics, positionOf } from '../runtime/topics.ts';
import { PartitionOwner } from './partition.ts';
import { partitionsProbe } from './readiness.ts';
import { Ticker } from './ticker.ts';

export interface CommandsDeps {
  readonly cluster: Cluster;
  readonly read: Read;
  readonly produce: Produce;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly owned: readonly number[];
  readonly partitions: number;
  readonly sendDeadlineMs: number;
  readonly eventSchema: EventSchema;
  readonly tickMs: number;
  readonly signal: AbortSignal;
}

const REQUEST_TIMEOUT_MS = 5000;
/** Commands that come within this time are decided together; it is also the most it adds to a decision. */
const COMMANDS_GATHER_MS = 40;
/** Reading back one's own decisions is a check, not a path: nothing waits for it. */
const TAIL_GATHER_MS = 150;
const WAIT_MS = 250;
const STALLED_MS = 10_000;
const DRAIN_MS = 8000;

interface Seek {
  readonly partition: number;
  readonly nextOffset: bigint;
  /** Tells the owner that from now on the reader's records are those of the new position. */
  readonly done: (owner: PartitionOwner) => void;
}

/** One life of the commands role: restore every owned partition, then decide and tail until the signal or an error. */
export class CommandsSession {
  readonly #deps: CommandsDeps;
  readonly #owners = new Map<number, PartitionOwner>();
  /** Seeks are done by the loop that reads, between two batches: a batch read before a seek is never taken after it. */
  readonly #eventSeeks: Seek[] = [];
  readonly #commandSeeks: Seek[] = [];
  /** Restores that ask where the events end now; a failure ends the session. */
  readonly #restores = new Set<Promise<void>>();
  #failed: unknown;
  #events: Reader | undefined;
  #commands: Reader | undefined;
  #ticker: Ticker | undefined;

  constructor(deps: CommandsDeps) {
    this.#deps = deps;
  }

  async run(): Promise<void> {
    try {
      const { cluster, partitions } = this.#deps;
      const names = [TOPICS.commands, TOPICS.events];
      await checkTopics(cluster, { names, partitions, timeoutMs: REQUEST_TIMEOUT_MS });
      await checkLogTime(cluster, TOPICS.commands, REQUEST_TIMEOUT_MS);
      const bounds = await this.#bounds();
      this.#own(bounds);
      await this.#restoreAll(bounds);
      await this.#serve(bounds);
    } finally {
      await this.#close();
    }
  }

  /** First command not decided and written, by partition. */
  positions(): ReadonlyMap<number, bigint> {
    const known = [...this.#owners].map(([partition, owner]) => [partition, owner.writtenThrough] as const);
    return new Map(known.flatMap(([partition, at]) => (at === undefined ? [] : [[partition, at]])));
  }

  probe(): ProbeResult {
    const readers = [this.#events, this.#commands];
    return partitionsProbe({
      owners: this.#owners,
      total: this.#deps.owned.length,
      stalled: readers.flatMap((reader) => reader?.stalled(STALLED_MS) ?? []),
      isReading: this.#commands !== undefined,
      silentAfterMs: Math.max(STALLED_MS, 5 * this.#deps.tickMs),
      nowMs: performance.now(),
    });
  }

  #bounds(): Promise<PartitionBounds[]> {
    return this.#deps.read.bounds([TOPICS.commands, TOPICS.events], { timeoutMs: REQUEST_TIMEOUT_MS });
  }

  #own(bounds: readonly PartitionBounds[]): void {
    const { produce, metrics, log, sendDeadlineMs, eventSchema } = this.#deps;
    for (const partition of this.#deps.owned) {
      const events = boundsOf(bounds, TOPICS.events, partition);
      const owner = new PartitionOwner(
        {
          partition,
          produce,
          sendDeadlineMs,
          eventSchema,
          onDecided: (decision) => metrics.decided.inc({ decision }),
          onStopped: (_, reason, differs) => {
            if (differs) metrics.decisionDiffers.inc();
            log.error({ partition, reason }, 'partition stopped');
          },
          onReadFrom: (_, nextOffset) =>
            this.#commandSeeks.push({ partition, nextOffset, done: (owner) => owner.resume(nextOffset) }),
          onReset: (_, reason) => this.#onReset(partition, reason),
        },
        events.endOffset,
      );
      this.#owners.set(partition, owner);
      if (events.startOffset > 0n) {
        owner.stop(
          `events before ${events.startOffset} are gone and there are no snapshots: its state cannot be restored`,
        );
      }
      owner.checkRestored(0n);
    }
  }

  async #restoreAll(bounds: readonly PartitionBounds[]): Promise<void> {
    const startedMs = performance.now();
    const live = this.#partitionsIn('restoring', 'deciding');
    this.#events = this.#deps.read.open(
      live.map((partition) => positionOf(bounds, TOPICS.events, partition, 0n)),
      { gatherMs: TAIL_GATHER_MS },
    );
    while (this.#partitionsIn('restoring').length > 0 && !this.#deps.signal.aborted) {
      const batch = await this.#events.next(WAIT_MS);
      if (batch !== undefined) this.#owners.get(batch.partition)?.onEvents(batch);
    }
    const tookMs = Math.round(performance.now() - startedMs);
    this.#deps.log.info(
      { partitions: this.#partitionsIn('deciding').length, tookMs },
      'state restored from events',
    );
  }

  async #serve(bounds: readonly PartitionBounds[]): Promise<void> {
    const positions: ReadPosition[] = [];
    for (const { partition, nextOffset, done } of this.#commandSeeks.splice(0)) {
      const owner = this.#owners.get(partition);
      if (owner?.phase !== 'deciding') continue;
      if (!(await this.#canReadFrom(bounds, partition, nextOffset))) continue;
      positions.push(positionOf(bounds, TOPICS.commands, partition, nextOffset));
      done(owner);
    }
    if (this.#deps.signal.aborted) return;
    if (positions.length === 0) throw new Error(`no partition can be decided: ${this.probe().detail}`);
    this.#commands = this.#deps.read.open(positions, { gatherMs: COMMANDS_GATHER_MS });
    const { produce, metrics, tickMs } = this.#deps;
    this.#ticker = new Ticker({
      produce,
      owners: this.#owners,
      tickMs,
      onFailed: () => metrics.tickFailed.inc(),
    });
    await Promise.all([
      this.#loop(this.#events, TOPICS.events, this.#eventSeeks, (owner, batch) => owner.onEvents(batch)),
      this.#loop(this.#commands, TOPICS.commands, this.#commandSeeks, (owner, batch) =>
        owner.onCommands(batch),
      ),
    ]);
  }

  async #loop(
    reader: Reader | undefined,
    topic: string,
    seeks: Seek[],
    take: (owner: PartitionOwner, batch: RecordBatch) => void,
  ): Promise<void> {
    try {
      while (reader !== undefined && !this.#deps.signal.aborted && this.#failed === undefined) {
        for (const seek of seeks.splice(0)) this.#seek(reader, topic, seek);
        const batch = await reader.next(WAIT_MS);
        const owner = batch === undefined ? undefined : this.#owners.get(batch.partition);
        if (batch !== undefined && owner !== undefined) take(owner, batch);
      }
    } catch (error) {
      this.#failed ??= error;
    }
    if (this.#failed !== undefined) throw this.#failed;
  }

  #seek(reader: Reader, topic: string, { partition, nextOffset, done }: Seek): void {
    reader.seek(topic, partition, nextOffset);
    const owner = this.#owners.get(partition);
    if (owner !== undefined) done(owner);
  }

  /** Commands that were never decided must still be there, and the log must not end before the last decided one. */
  async #canReadFrom(
    bounds: readonly PartitionBounds[],
    partition: number,
    nextOffset: bigint,
  ): Promise<boolean> {
    let { startOffset, endOffset } = boundsOf(bounds, TOPICS.commands, partition);
    // The end may have been asked before the events were: ask again before calling it wrong.
    if (nextOffset > endOffset)
      ({ startOffset, endOffset } = boundsOf(await this.#bounds(), TOPICS.commands, partition));
    if (nextOffset >= startOffset && nextOffset <= endOffset) return true;
    const there = `commands ${startOffset} to ${endOffset} are in the log`;
    this.#owners.get(partition)?.stop(`the next command to decide is ${nextOffset}, but ${there}`);
    return false;
  }

  #onReset(partition: number, reason: string): void {
    this.#deps.metrics.decisionSendFailed.inc();
    this.#deps.log.warn(
      { partition, reason },
      'decisions could not be written, restoring the partition from its events',
    );
    const restore = this.#restoreOne(partition).catch((error: unknown) => {
      this.#failed ??= error;
    });
    this.#restores.add(restore);
    void restore.finally(() => this.#restores.delete(restore));
  }

  async #restoreOne(partition: number): Promise<void> {
    const { endOffset } = boundsOf(await this.#bounds(), TOPICS.events, partition);
    this.#eventSeeks.push({ partition, nextOffset: 0n, done: (owner) => owner.restoreAgain(endOffset) });
  }

  #partitionsIn(...phases: PartitionOwner['phase'][]): number[] {
    return [...this.#owners]
      .filter(([, owner]) => phases.includes(owner.phase))
      .map(([partition]) => partition);
  }

  async #close(): Promise<void> {
    const owners = [...this.#owners.values()].map((owner) => owner.idle());
    await withDeadline('decisions in hand', DRAIN_MS, Promise.all([...owners, ...this.#restores])).catch(
      () => undefined,
    );
    await Promise.allSettled([this.#events?.close(), this.#commands?.close(), this.#ticker?.stop()]);
  }
}
