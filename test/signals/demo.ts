import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { descendantsOf, type ProcEntry, procEntry } from '../../src/clients/process/proc-table.ts';
import { waitFor } from '../../src/core/wait.ts';
import { listRuns } from '../../src/drills/run-folder.ts';
import { runCli, startScript } from '../support/sandbox-cli.ts';
import { root } from '../support/source-tree.ts';
import type { TryPoint } from './attempt.ts';
import { problemsOf, strike, tail } from './strike.ts';
import { type TraceWatch, watchTraces } from './traces.ts';

const NAME = 'demo';
const STATE = join(root, '.uplift');
const REPORT = join(root, 'demo-report.md');
const DEMO_MS = 900_000;
/** The running step ends, which for a drill means restoring; then everything is stopped. */
const BOUND_MS = 180_000;
/** A command whose demo was killed goes on by itself until it is done, a drill until everything is back. */
const ORPHAN_MS = 240_000;

/** The demo always works in the project's own folder: somebody else's platform there is not to be ended. */
export const demoIsFree = (): boolean => !existsSync(join(STATE, 'sandbox', NAME));

/**
 * After a signal that can be answered the platform is gone when the demo ends. After SIGKILL its running command is an
 * orphan; `sandbox down` is typed at once, and when the orphan has ended too nothing may be left.
 */
export const tryDemo: TryPoint = async (point, delayMs) => {
  if (!demoIsFree()) throw new Error(`a sandbox named "${NAME}" is there: npx uplift sandbox down`);
  const known = await listRuns(STATE);
  const report = await readFile(REPORT, 'utf8').catch(() => undefined);
  const traces = watchTraces(STATE, NAME);
  try {
    const child = startScript(join('scripts', 'demo.mjs'), [], { cwd: root, timeoutMs: DEMO_MS });
    const step = `$ uplift ${point.moment.after.replace('step ', '')}`;
    const seen = async (): Promise<boolean> => child.said().includes(step);
    let orphans: readonly ProcEntry[] = [];
    const before = async (): Promise<void> => {
      await traces.look();
      orphans = await descendantsOf(child.pid);
    };
    const struck = await strike({ child, point, seen, lookEveryMs: 20, delayMs, before });
    const problems = struck.tooLate ? [] : problemsOf(struck, point, BOUND_MS);
    if (point.signal === 'SIGKILL') problems.push(...(await downBeside(orphans)));
    problems.push(...(await traces.left()));
    const afterwards =
      point.signal === 'SIGKILL' ? '`sandbox down`, then nothing left' : 'nothing left by itself';
    return { struck, afterwards, problems };
  } finally {
    await tidy(traces, known, report);
  }
};

/** What a person types after the demo was killed, while the command that it ran may still be at work. */
async function downBeside(orphans: readonly ProcEntry[]): Promise<string[]> {
  const down = await runCli(['sandbox', 'down', '--name', NAME, '--state-dir', STATE], {
    cwd: root,
    timeoutMs: 150_000,
  });
  const problems =
    down.exit === 0 ? [] : [`sandbox down: exit ${down.exit}: ${tail(down.stderr || down.stdout)}`];
  const gone = async (): Promise<boolean> => {
    const now = await Promise.all(orphans.map(({ pid }) => procEntry(pid)));
    return now.every((entry, at) => entry?.startTime !== orphans[at]?.startTime);
  };
  await waitFor(gone, { what: 'the orphan of the demo ended', timeoutMs: ORPHAN_MS }).catch((error: Error) =>
    problems.push(error.message),
  );
  return problems;
}

/** Ends what is left so that the next point starts afresh, and takes away only what this point added. */
async function tidy(traces: TraceWatch, known: readonly string[], report: string | undefined): Promise<void> {
  await traces.stop();
  if (!demoIsFree())
    await runCli(['sandbox', 'down', '--name', NAME, '--state-dir', STATE], {
      cwd: root,
      timeoutMs: 150_000,
    });
  for (const runId of await listRuns(STATE))
    if (!known.includes(runId)) await rm(join(STATE, 'runs', runId), { recursive: true, force: true });
  if (report === undefined) await rm(REPORT, { force: true });
  else await writeFile(REPORT, report);
}
