import { readdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { reasonOf } from '../../src/core/error.ts';
import { EXIT } from '../../src/core/exit.ts';
import { waitFor } from '../../src/core/wait.ts';
import { pause } from '../soak/kill.ts';
import type { Platform } from '../support/driven-platform.ts';
import type { CliResult, RunningCli } from '../support/sandbox-cli.ts';
import { nextRun, runIds, type SeenRun } from '../support/sandbox-runs.ts';
import { untilIntent } from './journal-tail.ts';
import type { Point } from './plan.ts';

export interface KillContext {
  readonly platform: Platform;
  readonly ratePerS: number;
  readonly baselineS: number;
  readonly signal: AbortSignal;
}

/** Longest that each part may take. */
const READY_MS = 90_000;
const RUN_MS = 150_000;
const STEP_MS = 90_000;
const JOURNAL_MS = 10_000;
const AGAIN_MS = 2_000;

/** A drill that was killed at the step that it was meant for, or a little later. */
export interface Killed {
  readonly run: SeenRun;
  readonly kind: string;
  readonly atMs: number;
  readonly watchdogs: readonly number[];
}

/** Runs the drill and kills it right after the intent of the point's step. One that refuses is asked again for a while. */
export async function killAtStep(point: Point, context: KillContext): Promise<Killed> {
  const endsAtMs = performance.now() + READY_MS;
  let refused = '';
  for (;;) {
    const known = await runIds(context.platform);
    const child = context.platform.launch(argsOf(point, context), RUN_MS);
    const over = child.ended.catch((error: unknown) => reasonOf(error));
    const stop = new AbortController();
    const signal = AbortSignal.any([context.signal, stop.signal]);
    try {
      const met = killWhenThere(point, child, known, { ...context, signal });
      const found = await Promise.race([met, refusal(over, met)]);
      if (!('refused' in found)) return found;
      refused = found.refused;
    } finally {
      stop.abort();
      child.kill('SIGKILL');
      await over;
    }
    if (performance.now() > endsAtMs)
      throw new Error(`the drill refused for ${READY_MS / 1000} s: ${refused}`);
    // Its preflight waits for what the point before has left behind: failovers of Redis have to be apart.
    await pause(AGAIN_MS, context.signal);
  }
}

function argsOf({ drill, seed }: Point, { ratePerS, baselineS }: KillContext): string[] {
  const load = ['--rate', String(ratePerS), '--baseline', String(baselineS), '--seed', String(seed)];
  return ['drill', 'run', drill, '--yes', ...load, '--output', 'json'];
}

interface Refused {
  /** What it said. */
  readonly refused: string;
}

/** Resolves for a drill that refuses before it touches anything, rejects for any other end but our kill. */
async function refusal(over: Promise<CliResult | string>, met: Promise<Killed>): Promise<Refused | Killed> {
  const end = await over;
  if (typeof end !== 'string' && end.signal === 'SIGKILL') return met;
  if (typeof end !== 'string' && end.exit === EXIT.refused) return { refused: end.stdout };
  const said = typeof end === 'string' ? end : `exit ${end.exit}\n${end.stdout}\n${end.stderr}`;
  throw new Error(`the drill ended before it was killed: ${said}`);
}

async function killWhenThere(
  point: Point,
  child: RunningCli,
  known: readonly string[],
  { platform, signal }: KillContext,
): Promise<Killed> {
  const run = await nextRun(platform, known);
  await waitFor(async () => (await readdir(dirname(run.journal))).includes('journal.ndjson'), {
    what: 'its journal',
    timeoutMs: JOURNAL_MS,
    intervalMs: 20,
  });
  let watchdogs: number[] = [];
  const onWatched = async (): Promise<void> => {
    watchdogs = await pidsNaming(run.runId);
  };
  const kind = await untilIntent(run.journal, point.step, { timeoutMs: STEP_MS, signal, onWatched });
  child.kill('SIGKILL');
  const atMs = performance.now();
  // One that starts later was not there to be seen.
  if (watchdogs.length === 0) watchdogs = await pidsNaming(run.runId);
  if (point.column === 'both') for (const pid of watchdogs) process.kill(pid, 'SIGKILL');
  return { run, kind, atMs, watchdogs };
}

/** Processes that have this run's id in their command line: its watchdog, if it has one. */
export async function pidsNaming(runId: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const named = await Promise.all(
    pids.map(async (pid) => {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return line.includes(runId) ? [Number(pid)] : [];
    }),
  );
  return named.flat();
}
