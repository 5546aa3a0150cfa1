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

export interface ProbeLoopOptions {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** A result older than this is not ok: a probe that hangs must not keep its last good answer. */
  readonly staleMs: number;
}

export const PROBE_DEFAULTS: ProbeLoopOptions = { intervalMs: 1000, timeoutMs: 3000, staleMs: 5000 };

interface Seen {
  readonly ok: boolean;
  readonly detail: string;
  readonly atMs: number;
}

/** Asks every probe again and again in the background, so that `/readyz` itself never waits for anything. */
export class ProbeLoop {
  readonly #probes: readonly Probe[];
  readonly #options: ProbeLoopOptions;
  readonly #seen = new Map<string, Seen>();
  readonly #startedMs = performance.now();
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(probes: readonly Probe[], options: ProbeLoopOptions = PROBE_DEFAULTS) {
    this.#probes = probes;
    this.#options = options;
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
    return this.#probes.map(({ name }) => {
      const seen = this.#seen.get(name);
      if (seen === undefined) {
        return { name, ok: false, detail: 'not asked yet', ageMs: Math.round(nowMs - this.#startedMs) };
      }
      const ageMs = Math.round(nowMs - seen.atMs);
      if (ageMs <= this.#options.staleMs) return { name, ok: seen.ok, detail: seen.detail, ageMs };
      return { name, ok: false, detail: `no answer for ${ageMs} ms; before: ${seen.detail}`, ageMs };
    });
  }

  async #loop(probe: Probe): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#ask(probe);
      await delay(this.#options.intervalMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #ask(probe: Probe): Promise<void> {
    try {
      const detail = await withDeadline(probe.name, this.#options.timeoutMs, probe.run());
      this.#seen.set(probe.name, { ok: true, detail, atMs: performance.now() });
    } catch (error) {
      this.#seen.set(probe.name, { ok: false, detail: reasonOf(error), atMs: performance.now() });
    }
  }
}
