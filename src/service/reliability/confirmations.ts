import { randomBytes } from 'node:crypto';

interface Held<P, R> {
  readonly plan: P;
  readonly untilMs: number;
  result?: Promise<R>;
}

/** How long a plan waits for its confirmation: a page left open over lunch confirms nothing. */
export const CONFIRM_MS = 120_000;
/** How long its answer is given again. */
const REMEMBER_MS = 600_000;
const MOST = 200;

/** `unknown`: never issued here, used up, or too old. */
export type Confirmed<R> =
  | { readonly kind: 'done'; readonly result: R; readonly again: boolean }
  | { readonly kind: 'unknown' };

/**
 * Plans that wait for their confirmation, each under a token that nobody can guess. A token confirms exactly the plan that
 * was shown with it, once: sent again it gets the first answer. Kept in memory: another process, or the next life of this
 * one, asks to look again.
 */
export class Confirmations<P, R> {
  readonly #nowMs: () => number;
  readonly #held = new Map<string, Held<P, R>>();

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  issue(plan: P): string {
    this.#forget();
    const token = randomBytes(16).toString('hex');
    this.#held.set(token, { plan, untilMs: this.#nowMs() + CONFIRM_MS });
    return token;
  }

  /** Does the plan of the token, once. When `work` fails the token stays good: nobody knows what was done, and again is safe. */
  async confirm(token: string, work: (plan: P) => Promise<R>): Promise<Confirmed<R>> {
    this.#forget();
    const held = this.#held.get(token);
    if (held === undefined) return { kind: 'unknown' };
    const before = held.result;
    if (before !== undefined) return { kind: 'done', result: await before, again: true };
    const result = work(held.plan);
    this.#held.set(token, { plan: held.plan, untilMs: this.#nowMs() + REMEMBER_MS, result });
    try {
      return { kind: 'done', result: await result, again: false };
    } catch (error) {
      this.#held.set(token, held);
      throw error;
    }
  }

  #forget(): void {
    const nowMs = this.#nowMs();
    for (const [token, { untilMs }] of this.#held) if (untilMs <= nowMs) this.#held.delete(token);
    // The oldest first: a Map keeps the order in which they came.
    for (const token of this.#held.keys()) {
      if (this.#held.size < MOST) break;
      this.#held.delete(token);
    }
  }
}
