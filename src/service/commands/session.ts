import type { Reader, ReadPosition, RecordBatch } from '../../clients/kafka/ports.ts';
import { TOPICS } from '../../contract/records.ts';
import { withDeadline } from '../../core/wait.ts';
import type { ProbeResult } from '../runtime/probes.ts';
import { type CommandsDeps, checkLogs, type TopicIds } from './deps.ts';
import { PartitionOwner } from './partition.ts';
import { partitionsProbe } from './readiness.ts';
import { type Beginning, beginningsSeenTwice, commandTroubles } from './restore.ts';
import { SnapshotKeeper } from './snapshots/keeper.ts';
import { SnapshotWriter } from './snapshots/writer.ts';
import { Ticker } from './ticker.ts';
import { followDecisions } from './traces.ts';

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
  #keeper: SnapshotKeeper | undefined;
  #topicIds: TopicIds = { commands: '', events: '' };

  constructor(deps: CommandsDeps) {
    this.#deps = deps;
  }

  async run(): Promise<void> {
    try {
      this.#topicIds = await checkLogs(this.#deps, REQUEST_TIMEOUT_MS);
      this.#own();
      await this.#restoreAll();
      await this.#serve();
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

  #own(): void {
    const { produce, metrics, log, sendDeadlineMs, eventSchema } = this.#deps;
    for (const partition of this.#deps.owned) {
      const owner = new PartitionOwner({
        partition,
        produce,
        sendDeadlineMs,
        eventSchema,
        commandsTopicId: this.#topicIds.commands,
        onDecision: followDecisions(partition, this.#deps),
        onDecided: (decision, command) => metrics.decided.inc({ decision, command: command ?? 'none' }),
        onStopped: (_, reason, differs) => {
          if (differs) metrics.decisionDiffers.inc();
          log.error({ partition, reason }, 'partition stopped');
        },
        onReadFrom: (_, nextOffset) =>
          this.#commandSeeks.push({ partition, nextOffset, done: (owner) => owner.resume(nextOffset) }),
        onReset: (_, reason) => this.#onReset(partition, reason),
      });
      this.#owners.set(partition, owner);
    }
    const { read, partitions, snapshots: settings, signal } = this.#deps;
    const writer = new SnapshotWriter({ read, produce, topicIds: this.#topicIds, partitions, signal });
    this.#keeper = new SnapshotKeeper({ owners: this.#owners, writer, settings, metrics, log });
  }

  async #restoreAll(): Promise<void> {
    const startedMs = performance.now();
    const { read, owned, signal, metrics, log } = this.#deps;
    const positions: ReadPosition[] = [];
    let fromSnapshots = 0;
    for (const [partition, beginning] of await this.#beginnings(owned)) {
      this.#begin(partition, beginning);
      if (beginning.kind === 'stop') continue;
      positions.push(this.#at('events', partition, beginning.base.events.nextOffset));
      if (beginning.taken !== undefined) fromSnapshots += 1;
    }
    this.#events = read.open(positions, { gatherMs: TAIL_GATHER_MS });
    while (this.#partitionsIn('restoring').length > 0 && !signal.aborted) {
      const batch = await this.#events.next(WAIT_MS);
      if (batch !== undefined) this.#owners.get(batch.partition)?.onEvents(batch);
    }
    const tookMs = Math.round(performance.now() - startedMs);
    metrics.restoreDuration.set(tookMs / 1000);
    const partitions = this.#partitionsIn('deciding').length;
    log.info({ partitions, fromSnapshots, tookMs }, 'state restored from snapshots and events');
  }

  #beginnings(partitions: readonly number[]): Promise<ReadonlyMap<number, Beginning>> {
    const { read, signal } = this.#deps;
    const deps = { read, topicIds: this.#topicIds, partitions: this.#deps.partitions, signal };
    return beginningsSeenTwice(deps, partitions);
  }

  #begin(partition: number, beginning: Beginning): void {
    const owner = this.#owners.get(partition);
    if (beginning.kind === 'stop') {
      owner?.stop(beginning.reason);
      return;
    }
    this.#keeper?.restored(partition, beginning);
    owner?.restore(beginning.base, beginning.restoreTo);
  }

  async #serve(): Promise<void> {
    const seeks = this.#commandSeeks.splice(0);
    const troubles = await commandTroubles(this.#deps, seeks);
    const positions: ReadPosition[] = [];
    for (const { partition, nextOffset, done } of seeks) {
      const owner = this.#owners.get(partition);
      if (owner?.phase !== 'deciding') continue;
      const trouble = troubles.get(partition);
      if (trouble !== undefined) {
        owner.stop(trouble);
        continue;
      }
      positions.push(this.#at('commands', partition, nextOffset));
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
    this.#keeper?.start();
    await Promise.all([
      this.#loop(this.#events, TOPICS.events, this.#eventSeeks, (owner, batch) => owner.onEvents(batch)),
      this.#loop(this.#commands, TOPICS.commands, this.#commandSeeks, (owner, batch) => {
        const startedMs = performance.now();
        owner.onCommands(batch);
        metrics.decideDuration.observe((performance.now() - startedMs) / 1000);
      }),
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
    const beginning = (await this.#beginnings([partition])).get(partition);
    if (beginning === undefined) return;
    if (beginning.kind === 'stop') this.#begin(partition, beginning);
    else
      this.#eventSeeks.push({
        partition,
        nextOffset: beginning.base.events.nextOffset,
        done: () => this.#begin(partition, beginning),
      });
  }

  #at(log: 'commands' | 'events', partition: number, nextOffset: bigint): ReadPosition {
    return { topic: TOPICS[log], topicId: this.#topicIds[log], partition, nextOffset };
  }

  #partitionsIn(...phases: PartitionOwner['phase'][]): number[] {
    return [...this.#owners]
      .filter(([, owner]) => phases.includes(owner.phase))
      .map(([partition]) => partition);
  }

  async #close(): Promise<void> {
    const owners = [...this.#owners.values()].map((owner) => owner.end());
    const ending = Promise.all([...owners, ...this.#restores, this.#keeper?.stop()]);
    await withDeadline('decisions in hand', DRAIN_MS, ending).catch(() => undefined);
    await Promise.allSettled([this.#events?.close(), this.#commands?.close(), this.#ticker?.stop()]);
  }
}
