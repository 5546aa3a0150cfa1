import { setTimeout as delay } from 'node:timers/promises';
import type { Readyz } from '../../contract/http.ts';
import { reasonOf } from '../../core/error.ts';
import { withDeadline } from '../../core/wait.ts';

export type ProbeResult = Readyz['probes'][number];

/** One question about a dependency. Answers what it saw; throws when it is not well. */
export interface Probe {
  readonly name: string;
  run(): Promise<string>;
}

export interface ProbeTiming {
  /** From the beginning of a question to the beginning of the next one, however long the answer takes. */
  readonly periodMs: number;
  /** An answer that takes longer is none. Shorter than a period: the next answer is there before the last one is too old. */
  readonly timeoutMs: number;
  /** What was not well is asked again so soon after its answer: a role is ready when it can be, not a period later. */
  readonly retryMs: number;
}

export const PROBE_TIMING: ProbeTiming = { periodMs: 2000, timeoutMs: 1900, retryMs: 1000 };

/** What a probe may give its own question: it can say what did not answer, a deadline around it cannot. */
export const QUESTION_MS = 1700;

/** An answer older than so many periods is not ok: a probe that hangs must not keep its last good answer. */
const FRESH_PERIODS = 2;

/** When the next question is due. A period that was missed is not made up for. Pure. */
export function nextQuestionMs(
  last: { readonly askedMs: number; readonly endedMs: number; readonly ok: boolean },
  { periodMs, retryMs }: ProbeTiming,
): number {
  const dueMs = last.askedMs + periodMs;
  return Math.max(last.endedMs, last.ok ? dueMs : Math.min(dueMs, last.endedMs + retryMs));
}

/** A probe that asks nobody: looks at what this process knows at this moment. */
export function seenNow(name: string, look: () => string): ProbeResult {
  try {
    return { name, ok: true, detail: look(), ageMs: 0 };
  } catch (error) {
    return { name, ok: false, detail: reasonOf(error), ageMs: 0 };
  }
}

interface Seen {
  readonly ok: boolean;
  readonly detail: string;
  readonly atMs: number;
}

interface Question {
  readonly sinceMs: number;
  readonly answer: Promise<string>;
}

/** Asks every probe again and again in the background, so that `/readyz` itself never waits for anything. */
export class ProbeLoop {
  readonly #probes: readonly Probe[];
  readonly #timing: ProbeTiming;
  readonly #seen = new Map<string, Seen>();
  /** Questions without an answer yet: one that hangs is waited for, not asked once more beside itself. */
  readonly #asked = new Map<string, Question>();
  readonly #startedMs = performance.now();
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(probes: readonly Probe[], timing: ProbeTiming = PROBE_TIMING) {
    this.#probes = probes;
    this.#timing = timing;
  }

  start(): void {
    this.#running = Promise.all(this.#probes.map((probe) => this.#loop(probe)));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  snapshot(): ProbeResult[] {
    const nowMs = performance.now();
    const freshMs = FRESH_PERIODS * this.#timing.periodMs;
    return this.#probes.map(({ name }) => {
      const seen = this.#seen.get(name);
      if (seen === undefined) {
        return { name, ok: false, detail: 'not asked yet', ageMs: Math.round(nowMs - this.#startedMs) };
      }
      const ageMs = Math.round(nowMs - seen.atMs);
      if (ageMs <= freshMs) return { name, ok: seen.ok, detail: seen.detail, ageMs };
      return { name, ok: false, detail: `no answer for ${ageMs} ms; before: ${seen.detail}`, ageMs };
    });
  }

  async #loop(probe: Probe): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const askedMs = performance.now();
      const { ok, atMs: endedMs } = await this.#ask(probe);
      const pauseMs = nextQuestionMs({ askedMs, endedMs, ok }, this.#timing) - performance.now();
      await delay(Math.max(0, pauseMs), undefined, { signal }).catch(() => undefined);
    }
  }

  async #ask(probe: Probe): Promise<Seen> {
    const { name } = probe;
    const { timeoutMs } = this.#timing;
    let seen: Seen;
    try {
      const { sinceMs, answer } = this.#questionOf(probe);
      const detail = await withDeadline(name, timeoutMs, answer);
      const atMs = performance.now();
      const tookMs = Math.round(atMs - sinceMs);
      if (tookMs > timeoutMs) seen = { ok: false, detail: `answered after ${tookMs} ms: ${detail}`, atMs };
      else seen = { ok: true, detail, atMs };
    } catch (error) {
      seen = { ok: false, detail: reasonOf(error), atMs: performance.now() };
    }
    this.#seen.set(name, seen);
    return seen;
  }

  #questionOf(probe: Probe): Question {
    const { name } = probe;
    const standing = this.#asked.get(name);
    if (standing !== undefined) return standing;
    const answer = probe.run().finally(() => this.#asked.delete(name));
    const question = { sinceMs: performance.now(), answer };
    this.#asked.set(name, question);
    return question;
  }
}
