import { setTimeout as delay } from 'node:timers/promises';
import type { Reader, RecordBatch } from '../../clients/kafka/ports.ts';
import type { ProjectionStatus } from '../../contract/http.ts';
import { TOPICS } from '../../contract/records.ts';
import { isUpliftError, reasonOf } from '../../core/error.ts';
import type { ProbeResult } from '../runtime/probes.ts';
import { lookTwice } from '../runtime/second-look.ts';
import { countApplied } from './counting.ts';
import type { ProjectorDeps } from './deps.ts';
import { type ReadBatch, readBatches } from './event.ts';
import { type Position, project, refusedKey } from './fold.ts';
import { isolate } from './isolate.ts';
import { ProjectionMonitor } from './monitor.ts';
import { lookUpPositions } from './positions.ts';
import { ReadAhead } from './read-ahead.ts';
import { applyProjection, loadPositions, type StoredPosition } from './store.ts';
import { loadVersions } from './store-rows.ts';
import { failureText, isPoison, troubleTexts } from './trouble.ts';
import { versionsWanted } from './versions.ts';

/** Events that come within this time share a transaction, and the wait for its standby. */
const GATHER_MS = 50;
/** Four transactions or so. What waits longer grows old, and is copied by the garbage collector again and again. */
const MAX_BUFFERED_BYTES = 6 * 1024 * 1024;
const STALLED_MS = 10_000;
const MAX_BACKOFF_MS = 2000;

/**
 * One life of the projector: positions from Postgres, events from Kafka, one transaction per gathered batch. While one is
 * written the next is read and decoded, never judged.
 */
export class ProjectorSession {
  readonly #deps: ProjectorDeps;
  readonly #positions = new Map<number, Position>();
  readonly #stopped = new Map<number, string>();
  /** Events whose rows Postgres refused, with the SQLSTATE: they are put aside. */
  readonly #refused = new Map<string, string>();
  readonly #monitor: ProjectionMonitor;
  #topicId = '';
  #reader: Reader | undefined;
  #postgres: string | undefined;
  /** Why Postgres did not take the last write (a full disk still answers reads); undefined once one is in. */
  #unwritten: string | undefined;
  /** Writes that failed one after the other. */
  #failures = 0;

  constructor(deps: ProjectorDeps) {
    this.#deps = deps;
    this.#monitor = new ProjectionMonitor(deps.metrics);
  }

  async run(): Promise<void> {
    let ahead: ReadAhead | undefined;
    try {
      const reader = await this.#start();
      const { eventSchema, signal } = this.#deps;
      ahead = new ReadAhead({ reader, eventSchema, onBatch: (batch) => this.#arrived(batch) });
      while (!signal.aborted) await this.#step(ahead);
    } finally {
      await this.#reader?.close();
      await ahead?.drop();
    }
  }

  /** First event not applied, by partition. */
  positions(): ReadonlyMap<number, bigint> {
    return new Map([...this.#positions].map(([partition, { nextOffset }]) => [partition, nextOffset]));
  }

  status(): ProjectionStatus {
    return this.#monitor.status(this.#positions, this.#stopped, Date.now());
  }

  probe(): ProbeResult {
    const troubles = troubleTexts({
      postgres: this.#postgres,
      unwritten: this.#unwritten,
      parking: this.#deps.letters.reason,
      stopped: this.#stopped,
      stalled: this.#reader?.stalled(STALLED_MS) ?? [],
    });
    const total = this.#deps.owned.length;
    const detail = [`${this.#positions.size}/${total} partitions projected`, ...troubles].join('; ');
    const ok = this.#reader !== undefined && this.#positions.size === total && troubles.length === 0;
    return { name: 'partitions', ok, detail, ageMs: 0 };
  }

  async #start(): Promise<Reader> {
    const { read, owned, signal, log } = this.#deps;
    const troubles = new Map<number, string>();
    const look = async (asked: readonly number[]): Promise<number[]> => {
      const found = await lookUpPositions({ ...this.#deps, owned: asked });
      this.#topicId = found.topicId;
      for (const partition of asked) troubles.delete(partition);
      for (const [partition, reason] of found.troubles) troubles.set(partition, reason);
      for (const [partition, position] of found.positions) this.#positions.set(partition, position);
      for (const [partition, endOffset] of found.ends) this.#monitor.ends(partition, endOffset);
      return [...found.troubles.keys()];
    };
    await lookTwice(owned, look, { signal });
    for (const [partition, reason] of troubles) this.#stop(partition, reason);
    if (this.#positions.size === 0) throw new Error(`no partition can be projected: ${this.probe().detail}`);
    const reader = read.open(
      [...this.#positions].map(([partition, { nextOffset }]) => ({
        topic: TOPICS.events,
        topicId: this.#topicId,
        partition,
        nextOffset,
      })),
      { gatherMs: GATHER_MS, maxBufferedBytes: MAX_BUFFERED_BYTES },
    );
    this.#reader = reader;
    log.info({ partitions: this.#positions.size }, 'projecting');
    return reader;
  }

  async #step(ahead: ReadAhead): Promise<void> {
    const read = (await ahead.take()).filter(({ batch }) => this.#positions.has(batch.partition));
    for (const { batch } of read) this.#monitor.read(batch);
    if (read.length > 0) await this.#write(read, ahead);
    this.#monitor.measure(this.#positions, Date.now());
  }

  /** A batch was read ahead; false: nobody wants it. */
  #arrived({ partition, highWatermark }: RecordBatch): boolean {
    this.#monitor.ends(partition, highWatermark);
    return this.#positions.has(partition);
  }

  async #write(read: readonly ReadBatch[], ahead: ReadAhead): Promise<void> {
    let failure: unknown;
    try {
      failure = await this.#apply(read);
    } catch (error) {
      failure = error;
    }
    // A text is a write that has to be tried again from other offsets: Postgres answered.
    this.#unwritten = failure instanceof Error && !isPoison(failure) ? reasonOf(failure) : undefined;
    if (failure === undefined) {
      this.#failures = 0;
      return;
    }
    if (failure instanceof Error && !isUpliftError(failure)) throw failure;
    this.#deps.metrics.projectionConflicts.inc();
    const reason = failureText(failure);
    this.#monitor.failed(reason, Date.now());
    this.#deps.log.warn({ reason }, 'batch not applied, reading the offsets again');
    // What was read ahead follows what is not applied: it is read again, from wherever the offsets are found.
    await ahead.drop();
    if (isPoison(failure)) await this.#isolate(read);
    // A refusal that stays must not become a busy loop.
    const pauseMs = Math.min(50 * 2 ** this.#failures, MAX_BACKOFF_MS);
    this.#failures += 1;
    await delay(pauseMs, undefined, { signal: this.#deps.signal }).catch(() => undefined);
    await this.#reread();
  }

  /** Undefined when applied, else why the offsets have to be read again. */
  async #apply(read: readonly ReadBatch[]): Promise<string | undefined> {
    const startedMs = performance.now();
    const { sql, letters } = this.#deps;
    const versions = await loadVersions(sql, versionsWanted(read));
    const projection = project({ positions: this.#positions, versions, refused: this.#refused }, read);
    const refused = await letters.park(projection.letters);
    if (refused.size > 0) {
      for (const [partition, reason] of refused) this.#stop(partition, reason);
      return this.#apply(read.filter(({ batch }) => !refused.has(batch.partition)));
    }
    if (projection.moves.length > 0) {
      const applied = await applyProjection(sql, this.#topicId, projection);
      if (applied.state === 'again') return applied.reason;
      letters.settled(projection.letters);
      for (const { partition, to } of projection.moves) this.#positions.set(partition, to);
      const batches = read.map(({ batch }) => batch);
      this.#monitor.wrote(batches);
      countApplied(this.#deps, projection, applied, { batches, startedMs });
    }
    for (const [partition, reason] of projection.troubles) this.#stop(partition, reason);
    return undefined;
  }

  /** Postgres refused rows: finds the events they are from and puts those aside (S11). */
  async #isolate(read: readonly ReadBatch[]): Promise<void> {
    await this.#reread();
    let again: string | undefined;
    for (const { batch } of read) {
      const refusal = await isolate(batch, {
        apply: async (part) => {
          again = await this.#apply(readBatches([part], this.#deps.eventSchema));
          return again;
        },
        refuse: ({ offset }, sqlState) => this.#refused.set(refusedKey(batch.partition, offset), sqlState),
      });
      if (refusal !== undefined) this.#stop(batch.partition, refusal);
      // The next batch may follow this one, of which nobody knows whether it is in.
      if (again !== undefined) break;
    }
    this.#refused.clear();
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
        this.#monitor.failed(this.#postgres, Date.now());
        this.#monitor.measure(this.#positions, Date.now());
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
    // COMMIT had not answered, but the write is in; no event may follow that would show it.
    if (position.nextOffset > (this.#positions.get(partition)?.nextOffset ?? position.nextOffset))
      this.#unwritten = undefined;
    this.#positions.set(partition, position);
    this.#reader?.seek(TOPICS.events, partition, position.nextOffset);
  }

  #stop(partition: number, reason: string): void {
    this.#positions.delete(partition);
    this.#stopped.set(partition, reason);
    this.#deps.log.error({ partition, reason }, 'partition stopped');
  }
}
