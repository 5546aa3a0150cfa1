import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Cluster, EpochEnd, Read, Reader, RecordBatch } from '../../clients/kafka/ports.ts';
import type { Sql } from '../../clients/postgres/index.ts';
import type { EventSchema } from '../../contract/events.ts';
import { TOPICS } from '../../contract/records.ts';
import { isUpliftError, reasonOf } from '../../core/error.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { ProbeResult } from '../runtime/probes.ts';
import { checkTopics } from '../runtime/topics.ts';
import { countApplied } from './counting.ts';
import type { DeadLetterBox } from './dead-letters.ts';
import { type Position, project } from './fold.ts';
import { LagMeter } from './lag-meter.ts';
import { applyProjection, loadPositions, type StoredPosition } from './store.ts';
import { cutBelow, isPoison, troubleOf } from './trouble.ts';

export interface ProjectorDeps {
  readonly cluster: Cluster;
  readonly read: Read;
  readonly sql: Sql;
  readonly letters: DeadLetterBox;
  /** Newest event schema that is read; events of a newer one are put aside. */
  readonly eventSchema: EventSchema;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly owned: readonly number[];
  readonly partitions: number;
  readonly signal: AbortSignal;
}

/** Events that come within this time share a transaction, and the wait for its standby. */
const GATHER_MS = 50;
const REQUEST_TIMEOUT_MS = 5000;
const WAIT_MS = 250;
const STALLED_MS = 10_000;
const MAX_RECORDS = 2000;
const MAX_BACKOFF_MS = 2000;
/** So many in a row are no conflict with another writer any more: Postgres takes nothing (its disk is full). */
const FAILED_WRITES = 3;

/** One life of the projector: positions from Postgres, events from Kafka, one transaction per gathered batch. */
export class ProjectorSession {
  readonly #deps: ProjectorDeps;
  readonly #positions = new Map<number, Position>();
  readonly #stopped = new Map<number, string>();
  readonly #lag: LagMeter;
  #topicId = '';
  #reader: Reader | undefined;
  #postgres: string | undefined;
  /** Writes that failed one after the other, and why the last one did. */
  #failed = { times: 0, reason: '' };

  constructor(deps: ProjectorDeps) {
    this.#deps = deps;
    this.#lag = new LagMeter(deps.metrics);
  }

  async run(): Promise<void> {
    try {
      await this.#start();
      while (!this.#deps.signal.aborted) await this.#step();
    } finally {
      await this.#reader?.close();
    }
  }

  /** First event not applied, by partition. */
  positions(): ReadonlyMap<number, bigint> {
    return new Map([...this.#positions].map(([partition, { nextOffset }]) => [partition, nextOffset]));
  }

  probe(): ProbeResult {
    const stalled = this.#reader?.stalled(STALLED_MS) ?? [];
    const total = this.#deps.owned.length;
    const parts = [`${this.#positions.size}/${total} partitions projected`];
    const { reason: parking } = this.#deps.letters;
    const refused = this.#failed.times >= FAILED_WRITES;
    if (this.#postgres !== undefined) parts.push(`Postgres: ${this.#postgres}`);
    if (refused) parts.push(`not applied, ${this.#failed.times} times: ${this.#failed.reason}`);
    if (parking !== undefined) parts.push(parking);
    for (const [partition, reason] of [...this.#stopped].slice(0, 5))
      parts.push(`${partition} stopped: ${reason}`);
    for (const each of stalled.slice(0, 5))
      parts.push(`${each.topic}/${each.partition} not readable: ${each.reason}`);
    const ok =
      this.#reader !== undefined &&
      this.#positions.size === total &&
      stalled.length === 0 &&
      this.#postgres === undefined &&
      !refused &&
      parking === undefined;
    return { name: 'partitions', ok, detail: parts.join('; '), ageMs: 0 };
  }

  async #start(): Promise<void> {
    const { cluster, partitions, owned, sql, read, log } = this.#deps;
    const ids = await checkTopics(cluster, {
      names: [TOPICS.events],
      partitions,
      timeoutMs: REQUEST_TIMEOUT_MS,
    });
    this.#topicId = ids.get(TOPICS.events) ?? '';
    const stored = await loadPositions(sql, this.#topicId, owned);
    const bounds = await read.bounds([TOPICS.events], { timeoutMs: REQUEST_TIMEOUT_MS });
    const epochs = await this.#epochEnds(stored);
    for (const partition of owned) {
      const position = stored.get(partition);
      const found = bounds.find((each) => each.partition === partition);
      const cut = (at: StoredPosition): string | undefined => cutBelow(at, epochs.get(partition));
      const trouble =
        troubleOf(position, found, this.#topicId) ?? (position === undefined ? undefined : cut(position));
      if (trouble !== undefined) this.#stop(partition, trouble);
      else if (position !== undefined) this.#positions.set(partition, position);
      if (found !== undefined) this.#lag.seen(partition, found.endOffset);
    }
    if (this.#positions.size === 0) throw new Error(`no partition can be projected: ${this.probe().detail}`);
    this.#reader = read.open(
      [...this.#positions].map(([partition, { nextOffset }]) => ({
        topic: TOPICS.events,
        topicId: this.#topicId,
        partition,
        nextOffset,
      })),
      { gatherMs: GATHER_MS },
    );
    log.info({ partitions: this.#positions.size }, 'projecting');
  }

  /** What today's leaders say of the epochs our positions carry (S3). */
  async #epochEnds(stored: ReadonlyMap<number, StoredPosition>): Promise<ReadonlyMap<number, EpochEnd>> {
    const wants = [...stored].flatMap(([partition, { leaderEpoch, topicId }]) =>
      leaderEpoch < 0 || topicId !== this.#topicId ? [] : [{ topic: TOPICS.events, partition, leaderEpoch }],
    );
    const ends = await this.#deps.read.epochEnds(wants, { timeoutMs: REQUEST_TIMEOUT_MS });
    return new Map(ends.map((end) => [end.partition, end]));
  }

  async #step(): Promise<void> {
    const batches = await this.#gather();
    if (batches.length > 0) await this.#write(batches);
    this.#lag.measure(this.#positions, batches);
  }

  /** Waits for a batch, then takes what else is there already, up to a bound. */
  async #gather(): Promise<RecordBatch[]> {
    const reader = this.#reader;
    const batches: RecordBatch[] = [];
    let records = 0;
    let batch = await reader?.next(WAIT_MS);
    while (batch !== undefined) {
      this.#lag.seen(batch.partition, batch.highWatermark);
      if (this.#positions.has(batch.partition)) batches.push(batch);
      records += batch.records.length;
      if (records >= MAX_RECORDS) break;
      batch = await reader?.next(0);
    }
    return batches;
  }

  async #write(batches: readonly RecordBatch[]): Promise<void> {
    let failure: unknown;
    try {
      failure = await this.#apply(batches);
    } catch (error) {
      failure = error;
    }
    if (failure === undefined) {
      this.#failed = { times: 0, reason: '' };
      return;
    }
    if (failure instanceof Error && !isUpliftError(failure)) throw failure;
    this.#deps.metrics.projectionConflicts.inc();
    this.#deps.log.warn({ reason: reasonOf(failure) }, 'batch not applied, reading the offsets again');
    if (isPoison(failure)) await this.#applyOneByOne(batches);
    // A refusal that stays must not become a busy loop.
    const pauseMs = Math.min(50 * 2 ** this.#failed.times, MAX_BACKOFF_MS);
    this.#failed = { times: this.#failed.times + 1, reason: reasonOf(failure) };
    await delay(pauseMs, undefined, { signal: this.#deps.signal }).catch(() => undefined);
    await this.#reread();
  }

  /** Undefined when applied, else why the offsets have to be read again. */
  async #apply(batches: readonly RecordBatch[]): Promise<string | undefined> {
    const { sql, letters, eventSchema } = this.#deps;
    const projection = project(this.#positions, batches, eventSchema);
    const refused = await letters.park(projection.letters);
    if (refused.size > 0) {
      for (const [partition, reason] of refused) this.#stop(partition, reason);
      return this.#apply(batches.filter(({ partition }) => !refused.has(partition)));
    }
    if (projection.moves.length > 0) {
      const applied = await applyProjection(sql, this.#topicId, projection);
      if (applied.state === 'again') return applied.reason;
      letters.settled(projection.letters);
      for (const { partition, to } of projection.moves) this.#positions.set(partition, to);
      countApplied(this.#deps, projection, applied);
    }
    for (const [partition, reason] of projection.troubles) this.#stop(partition, reason);
    return undefined;
  }

  /** Postgres refused the rows themselves: finds the partition they are from and stops that one alone. */
  async #applyOneByOne(batches: readonly RecordBatch[]): Promise<void> {
    await this.#reread();
    for (const [partition, own] of Map.groupBy(batches, (batch) => batch.partition)) {
      try {
        await this.#apply(own);
      } catch (error) {
        if (!isPoison(error)) throw error;
        this.#stop(partition, reasonOf(error));
      }
    }
  }

  /** Offsets as they stand now, however long Postgres is away; the reader continues from them. */
  async #reread(): Promise<void> {
    const { sql, signal, log } = this.#deps;
    let backoffMs = 100;
    while (!signal.aborted) {
      try {
        const stored = await loadPositions(sql, this.#topicId, [...this.#positions.keys()]);
        for (const [partition, position] of stored) this.#continueAt(partition, position);
        this.#postgres = undefined;
        return;
      } catch (error) {
        if (this.#postgres === undefined)
          log.warn({ reason: reasonOf(error) }, 'Postgres is away, waiting for it');
        this.#postgres = reasonOf(error);
        this.#lag.measure(this.#positions, []);
        await delay(backoffMs, undefined, { signal }).catch(() => undefined);
        backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS);
      }
    }
  }

  #continueAt(partition: number, position: StoredPosition): void {
    if (position.topicId !== this.#topicId) {
      this.#stop(partition, `Postgres holds positions of another topic (id ${position.topicId})`);
      return;
    }
    this.#positions.set(partition, position);
    this.#reader?.seek(TOPICS.events, partition, position.nextOffset);
  }

  #stop(partition: number, reason: string): void {
    this.#positions.delete(partition);
    this.#stopped.set(partition, reason);
    this.#deps.log.error({ partition, reason }, 'partition stopped');
  }
}
