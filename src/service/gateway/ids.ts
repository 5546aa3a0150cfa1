import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Sql } from '../../clients/postgres/index.ts';
import { reasonOf, UpliftError } from '../../core/error.ts';
import { createSnowflake, snowflakeMs } from '../domain/snowflake.ts';
import {
  afterOutcome,
  type Clocks,
  type LeaseState,
  type LeaseTerms,
  leaseTerms,
  nextQuestion,
  type Outcome,
  permitAt,
  UNLEASED,
} from '../domain/worker-lease.ts';
import type { Settings } from '../env.ts';
import { type LeaseStore, leaseStore } from './lease-store.ts';

/** Where the ids of a gateway come from. */
export interface IdSource {
  /** The next id. Throws UPL-ID-REFUSED while none may be issued; asking again later may work. */
  next(): bigint;
  /**
   * In a few words where ids come from; throws UPL-ID-REFUSED with the reason when none may be issued. It takes one to know,
   * and drops it: a clock that is behind shows only there, and whoever is not ready is asked by nobody else.
   */
  state(): string;
  start(): void;
  stop(): Promise<void>;
}

const TICK_MS = 250;

export const processClocks = (): Clocks => ({ monoMs: performance.now(), wallMs: Date.now() });

/** A fixed worker if the environment names one, else one that is leased through `sql`. The caller starts and stops it. */
export function openIds(settings: Settings, sql: Sql): IdSource {
  if (settings.SNOWFLAKE_WORKER !== undefined) return fixedIds(settings.SNOWFLAKE_WORKER, Date.now);
  const terms = leaseTerms(settings.WORKER_LEASE_MS);
  const holder = `${settings.INSTANCE}/${randomUUID()}`;
  return new LeasedIds({
    store: leaseStore(sql, terms, processClocks, settings.SNOWFLAKE_LEASES),
    terms,
    holder,
  });
}

function refused(reason: string): UpliftError {
  return new UpliftError('UPL-ID-REFUSED', { message: `No reservation id may be issued: ${reason}` });
}

/** Ids of a worker that the environment names: whoever set it answers for nobody else having it. */
export function fixedIds(worker: number, nowMs: () => number): IdSource {
  const generate = createSnowflake({ worker, nowMs });
  const next = (): bigint => {
    try {
      return generate();
    } catch (error) {
      throw refused(reasonOf(error));
    }
  };
  return {
    next,
    state: () => {
      next();
      return `worker ${worker}, fixed`;
    },
    start: () => undefined,
    stop: async () => undefined,
  };
}

export interface LeasedIdsOptions {
  readonly store: LeaseStore;
  readonly terms: LeaseTerms;
  /** Names this process and no other, also not one that ran before. */
  readonly holder: string;
  readonly clocks?: () => Clocks;
}

/** Ids of a worker that is leased from the database and renewed in the background (domain/worker-lease.ts). */
export class LeasedIds implements IdSource {
  readonly #options: LeasedIdsOptions;
  readonly #clocks: () => Clocks;
  readonly #stop = new AbortController();
  #state: LeaseState = UNLEASED;
  #generate: (() => bigint) | undefined;
  #nowMs = 0;
  #lastIssuedMs = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(options: LeasedIdsOptions) {
    this.#options = options;
    this.#clocks = options.clocks ?? processClocks;
  }

  start(): void {
    this.#running = this.#loop();
  }

  next(): bigint {
    this.#nowMs = this.#permitted().nowMs;
    try {
      if (this.#generate === undefined) throw new Error('no worker id');
      const id = this.#generate();
      this.#lastIssuedMs = snowflakeMs(id);
      return id;
    } catch (error) {
      throw refused(reasonOf(error));
    }
  }

  state(): string {
    this.next();
    const { leftMs } = this.#permitted();
    const trouble = this.#state.trouble === undefined ? '' : `; not renewed: ${this.#state.trouble}`;
    return `worker ${this.#state.held?.worker}, leased for ${Math.round(leftMs / 1000)} s${trouble}`;
  }

  /** Gives the worker back. What cannot be told to the database ends by itself, after the quarantine. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    const { held } = this.#state;
    this.#state = UNLEASED;
    if (held === undefined) return;
    const lastIssuedMs = Math.max(held.floorMs, this.#lastIssuedMs);
    await this.#options.store.release(this.#options.holder, held.worker, lastIssuedMs).catch(() => undefined);
  }

  /** One look at whether something has to be asked; the loop calls it, a test may. */
  async tick(): Promise<void> {
    const { store, terms, holder } = this.#options;
    const { held } = this.#state;
    const question = nextQuestion(this.#state, this.#clocks(), terms);
    if (question === undefined) return;
    this.#settle(held === undefined ? await store.acquire(holder) : await store.renew(holder, held.worker));
  }

  #settle(outcome: Outcome): void {
    const before = this.#state.held;
    this.#state = afterOutcome(this.#state, outcome);
    const { held } = this.#state;
    if (held === undefined) this.#generate = undefined;
    else if (before?.worker !== held.worker) this.#generate = this.#generator(held.worker, held.floorMs);
  }

  #generator(worker: number, afterMs: number): () => bigint {
    this.#lastIssuedMs = afterMs;
    return createSnowflake({
      worker,
      afterMs,
      nowMs: () => this.#nowMs,
      throughMs: () => this.#state.held?.ceilingMs ?? 0,
      maxAheadMs: this.#options.terms.aheadMs,
    });
  }

  #permitted(): { readonly nowMs: number; readonly leftMs: number } {
    const permit = permitAt(this.#state, this.#clocks(), this.#options.terms);
    if (!permit.ok) throw refused(permit.reason);
    return permit;
  }

  async #loop(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.tick();
      await delay(TICK_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
