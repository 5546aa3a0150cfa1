import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as yielded } from 'node:timers/promises';
import { UpliftError } from '../../src/core/error.ts';
import { readRecord } from '../../src/record/open.ts';
import type { RecordView } from '../../src/record/verify.ts';
import type { ProofSandbox } from './sandbox.ts';

/** One run of a drill, seen from outside through its files. */
export interface SeenRun {
  readonly runId: string;
  readonly journal: string;
  readonly history: string;
}

export async function runIds(sandbox: ProofSandbox): Promise<string[]> {
  return (await readdir(join(sandbox.stateDir, 'runs')).catch((): string[] => [])).toSorted();
}

export function seenRun(sandbox: ProofSandbox, runId: string): SeenRun {
  const folder = join(sandbox.stateDir, 'runs', runId);
  return { runId, journal: join(folder, 'journal.ndjson'), history: join(folder, 'history.ndjson') };
}

/** The run that appears beside the known ones. */
export async function nextRun(sandbox: ProofSandbox, known: readonly string[]): Promise<SeenRun> {
  const endsAtMs = performance.now() + 30_000;
  while (performance.now() < endsAtMs) {
    const [runId] = (await runIds(sandbox)).filter((id) => !known.includes(id));
    if (runId !== undefined) return seenRun(sandbox, runId);
    await yielded();
  }
  throw new UpliftError('UPL-DEADLINE', { message: 'no run began within 30 s' });
}

export const KILL_STEP = 'drill.killBroker';

/**
 * Reads a journal again and again, without a pause, until the line is there that says this of the kill. As fast as
 * it can: what the caller does next should meet the run right after that line.
 */
export async function untilKill(
  run: SeenRun,
  said: 'step.intent' | 'step.done' | 'step.verified',
  timeoutMs: number,
): Promise<void> {
  const endsAtMs = performance.now() + timeoutMs;
  while (performance.now() < endsAtMs) {
    const record = await readRecord(run.journal).catch(() => undefined);
    if (record !== undefined && killSays(record, said)) return;
    await yielded();
  }
  throw new UpliftError('UPL-DEADLINE', { message: `no ${said} of the kill within ${timeoutMs} ms` });
}

/** Whether a journal holds this line about the kill. */
export function killSays({ entries }: RecordView, said: string): boolean {
  const intent = entries.find(
    ({ kind, body }) => kind === 'step.intent' && JSON.stringify(body).includes(`"${KILL_STEP}"`),
  );
  if (intent === undefined) return false;
  if (said === 'step.intent') return true;
  return entries.some(
    ({ kind, body }) => kind === said && (body as { intent?: number } | null)?.intent === intent.seq,
  );
}
