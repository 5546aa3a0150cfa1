import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { procEntry } from '../../src/clients/process/proc-table.ts';
import { UpliftError } from '../../src/core/error.ts';
import { waitFor } from '../../src/core/wait.ts';
import type { Entry } from '../../src/record/envelope.ts';
import { readRecord } from '../../src/record/open.ts';
import type { CliResult, RunningCli } from './sandbox-cli.ts';

/** Where the runs of a sandbox stand. */
type Sandbox = { readonly stateDir: string };

/** One run of a drill, seen from outside through its files. */
export interface SeenRun {
  readonly runId: string;
  readonly journal: string;
  readonly history: string;
}

export async function runIds(sandbox: Sandbox): Promise<string[]> {
  return (await readdir(join(sandbox.stateDir, 'runs')).catch((): string[] => [])).toSorted();
}

export function seenRun(sandbox: Sandbox, runId: string): SeenRun {
  const folder = join(sandbox.stateDir, 'runs', runId);
  return { runId, journal: join(folder, 'journal.ndjson'), history: join(folder, 'history.ndjson') };
}

/** The run that appears beside the known ones. */
export function nextRun(sandbox: Sandbox, known: readonly string[]): Promise<SeenRun> {
  const appeared = async (): Promise<SeenRun | undefined> => {
    const [runId] = (await runIds(sandbox)).filter((id) => !known.includes(id));
    return runId === undefined ? undefined : seenRun(sandbox, runId);
  };
  return waitFor(appeared, { what: 'a new run', timeoutMs: 60_000, intervalMs: 50 });
}

export type Said = 'step.intent' | 'step.done' | 'step.verified' | 'step.undone';

const RARELY_MS = 50;
const KILL_FOLLOWS_MS = 30_000;

const KILL_BROKER = 'drill.killBroker';

/**
 * Resolves when a run's journal says this of the kill. Until the baseline stands there it looks rarely, so as not to
 * disturb what is measured; then without a pause: what the caller does next shall meet the run right after that line.
 */
export async function untilKill(run: SeenRun, said: Said, kill = KILL_BROKER): Promise<void> {
  const entries = async (): Promise<readonly Entry[]> => (await readRecord(run.journal)).entries;
  await waitFor(async () => (await entries()).some(({ kind }) => kind === 'drill.baseline'), {
    what: `the baseline of ${run.runId}`,
    timeoutMs: 90_000,
    intervalMs: RARELY_MS,
  });
  const endsAtMs = performance.now() + KILL_FOLLOWS_MS;
  while (performance.now() < endsAtMs) {
    if (killSays(await entries(), said, kill)) return;
    await nextTurn();
  }
  throw new UpliftError('UPL-DEADLINE', { message: `no ${said} of the kill within ${KILL_FOLLOWS_MS} ms` });
}

/** Whether a journal says this of the kill, a step of this kind. */
export function killSays(entries: readonly Entry[], said: Said, kill = KILL_BROKER): boolean {
  const intent = entries.find(
    ({ kind, body }) => kind === 'step.intent' && JSON.stringify(body).includes(`"${kill}"`),
  );
  if (intent === undefined || said === 'step.intent') return intent !== undefined;
  return entries.some(
    ({ kind, body }) => kind === said && (body as { intent?: number } | null)?.intent === intent.seq,
  );
}

/** The watchdog of a run, as its journal names it. */
export async function watchdogOf(run: SeenRun): Promise<number> {
  const { entries } = await readRecord(run.journal);
  const body = entries.find(({ kind }) => kind === 'drill.watched')?.body as { pid?: number } | undefined;
  if (body?.pid === undefined) throw new Error(`the journal of ${run.runId} names no watchdog`);
  return body.pid;
}

/** What a dead host leaves: neither the run nor its watchdog does anything more. */
export async function killWithWatchdog(run: SeenRun, child: RunningCli): Promise<CliResult> {
  const watchdog = await watchdogOf(run);
  process.kill(watchdog, 'SIGKILL');
  child.kill('SIGKILL');
  const result = await child.ended;
  if (result.signal !== 'SIGKILL') throw new Error(`the run ended by itself: exit ${result.exit}`);
  return result;
}

/** Waits until the watchdog of a run has done its work and is gone. */
export async function watchdogGone(pid: number): Promise<void> {
  const gone = async (): Promise<boolean> => (await procEntry(pid)) === undefined;
  await waitFor(gone, { what: `the watchdog ${pid} gone`, timeoutMs: 120_000, intervalMs: 100 });
}
