import type { Sql } from '../../clients/postgres/index.ts';
import { reasonOf } from '../../core/error.ts';
import { withDeadline } from '../../core/wait.ts';
import {
  lookAtDeadLetters,
  lookAtIdempotency,
  lookAtProjection,
  lookAtSweeper,
  lookAtUnknownOutcomes,
} from './facts.ts';

/** A fact with the time it was observed at, or the time it was asked for and why there is none. */
export type Fact<V> =
  | { readonly state: 'known'; readonly atMs: number; readonly value: V }
  | { readonly state: 'unknown'; readonly atMs: number; readonly reason: string };

export interface LookOptions {
  readonly timeoutMs: number;
  /** An answer is good for so long: readers do not add up to load. */
  readonly keepMs: number;
  readonly nowMs: () => number;
}

const DEFAULTS: LookOptions = { timeoutMs: 2000, keepMs: 1000, nowMs: Date.now };

/** Asks for one fact, one question at a time whoever wants to know, also while an answer does not come. */
export class Look<V> {
  readonly #what: string;
  readonly #ask: () => Promise<V>;
  readonly #options: LookOptions;
  #asked: { readonly atMs: number; readonly answer: Promise<V> } | undefined;
  #last: Fact<V> | undefined;

  constructor(what: string, ask: () => Promise<V>, options: LookOptions = DEFAULTS) {
    this.#what = what;
    this.#ask = ask;
    this.#options = options;
  }

  /** Never rejects. */
  async fact(): Promise<Fact<V>> {
    const { timeoutMs, keepMs, nowMs } = this.#options;
    const last = this.#last;
    if (last !== undefined && Math.abs(nowMs() - last.atMs) < keepMs) return last;
    const { atMs, answer } = this.#question();
    // Whoever comes late to a question that hangs waits for what is left of its time, not for all of it again.
    const leftMs = Math.max(0, atMs + timeoutMs - nowMs());
    try {
      const value = await withDeadline(this.#what, leftMs, answer);
      this.#last = { state: 'known', atMs: nowMs(), value };
    } catch (error) {
      this.#last = { state: 'unknown', atMs: nowMs(), reason: reasonOf(error) };
    }
    return this.#last;
  }

  #question(): { readonly atMs: number; readonly answer: Promise<V> } {
    if (this.#asked !== undefined) return this.#asked;
    const answer = this.#ask();
    const asked = { atMs: this.#options.nowMs(), answer };
    this.#asked = asked;
    const done = (): void => {
      this.#asked = undefined;
    };
    answer.then(done, done);
    return asked;
  }
}

type Answered<T> = { readonly [K in keyof T]: T[K] extends Look<infer V> ? Fact<V> : never };
type Looks = ReturnType<typeof looksAt>;
export type Facts = Answered<Looks>;

/** The facts of Postgres, each with a clock of its own. */
export function openFacts(sql: Sql, options?: LookOptions): { all(): Promise<Facts> } {
  const looks = looksAt(sql, options);
  return {
    async all() {
      const [idempotency, unknownOutcomes, sweeper, deadLetters, projection] = await Promise.all([
        looks.idempotency.fact(),
        looks.unknownOutcomes.fact(),
        looks.sweeper.fact(),
        looks.deadLetters.fact(),
        looks.projection.fact(),
      ]);
      return { idempotency, unknownOutcomes, sweeper, deadLetters, projection };
    },
  };
}

function looksAt(sql: Sql, options?: LookOptions) {
  return {
    idempotency: new Look('idempotency keys', () => lookAtIdempotency(sql), options),
    unknownOutcomes: new Look('unknown outcomes', () => lookAtUnknownOutcomes(sql), options),
    sweeper: new Look('sweepers', () => lookAtSweeper(sql), options),
    deadLetters: new Look('dead letters', () => lookAtDeadLetters(sql), options),
    projection: new Look('positions of the projection', () => lookAtProjection(sql), options),
  };
}
