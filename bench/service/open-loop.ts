import { setTimeout as delay } from 'node:timers/promises';
import { build } from 'hdr-histogram-js';
import { Pool } from 'undici';

export interface Asked {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface OpenLoop {
  readonly sent: number;
  /** Answers of another status than the one that was wanted, by what came. */
  readonly other: ReadonlyMap<string, number>;
  /** From the time a request was due, not from when it was sent. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const CONNECTIONS = 64;
const TIMEOUT_MS = 15_000;
const TICK_MS = 2;

/** Sends `ratePerS` requests a second whether answers come or not, and waits for all of them. */
export async function openLoop(options: {
  readonly url: string;
  readonly ratePerS: number;
  readonly seconds: number;
  readonly status: number;
  readonly ask: (index: number) => Asked;
}): Promise<OpenLoop> {
  const { url, ratePerS, seconds, status, ask } = options;
  const pool = new Pool(url, {
    connections: CONNECTIONS,
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  });
  const histogram = build({ highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 });
  const other = new Map<string, number>();
  const total = Math.round(ratePerS * seconds);
  const startedMs = performance.now();
  const note = (what: string): void => void other.set(what, (other.get(what) ?? 0) + 1);
  const one = async (index: number): Promise<void> => {
    const dueMs = startedMs + (index * 1000) / ratePerS;
    try {
      const answer = await pool.request({ ...ask(index) });
      await answer.body.text();
      if (answer.statusCode !== status) note(String(answer.statusCode));
      histogram.recordValue(Math.max(1, Math.round((performance.now() - dueMs) * 1000)));
    } catch (error) {
      note(error instanceof Error && 'code' in error ? String(error.code) : 'no answer');
    }
  };
  const running: Promise<void>[] = [];
  try {
    while (running.length < total) {
      const due = Math.min(total, Math.floor(((performance.now() - startedMs) * ratePerS) / 1000) + 1);
      while (running.length < due) running.push(one(running.length));
      await delay(TICK_MS);
    }
    await Promise.all(running);
  } finally {
    await pool.destroy();
  }
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1000;
  return { sent: total, other, p50Ms: at(50), p99Ms: at(99), maxMs: histogram.maxValue / 1000 };
}
