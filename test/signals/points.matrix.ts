import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitFor } from '../../src/core/wait.ts';
import { readRecord } from '../../src/record/open.ts';
import { expectExit, ProofSandbox } from '../support/sandbox.ts';
import {
  killSays,
  nextRun,
  runIds,
  type SeenRun,
  untilKill,
  watchdogGone,
  watchdogOf,
} from '../support/sandbox-runs.ts';
import { root } from '../support/source-tree.ts';
import {
  acknowledgedIn,
  expectAsBefore,
  expectEnd,
  expectNoSandbox,
  expectSettled,
  otherTopics,
  recordOfApply,
  removed,
  steady,
  topologyNow,
} from './checks.ts';
import { type Row, writePage } from './page.ts';
import { momentOf, type Point, planPoints, type SignalledCommand } from './plan.ts';
import { gone, type Struck, strike, type Watched, watch } from './process.ts';
import { watchTraces } from './traces.ts';

const seed = Number(process.env.SIGNALS_SEED ?? 1);
const only = (process.env.SIGNALS_ONLY ?? '')
  .split(',')
  .filter((text) => text !== '')
  .map(Number);
const points = planPoints(seed).filter(({ number }) => only.length === 0 || only.includes(number));
const of = (command: SignalledCommand): readonly Point[] =>
  points.filter((point) => point.command === command);
const uplift = join(root, 'bin', 'uplift.js');
const rows: Row[] = [];
const startedAt = new Date();

/** Restoring after a signal may take as long as a broker needs to come back. */
const LIMIT_MS = 120_000;
const TEST_MS = 400_000;
/** A drill whose demo and platform are gone gives up by itself. */
const ORPHAN_MS = 240_000;
const titleOf = (point: Point): string =>
  `${point.number}. ${point.command}: ${point.signal} ${momentOf(point)}`;

/** Runs one point; its row is written whether it passes or not. */
async function noted(point: Point, work: () => Promise<{ struck: Struck; found: string }>): Promise<void> {
  const row = { point, passed: false, tookMs: 0, tooLate: false, found: '' };
  rows.push(row);
  const { struck, found } = await work();
  Object.assign(row, { passed: true, tookMs: struck.tookMs, tooLate: struck.tooLate, found });
}

/** A command that was over before its signal came ended well; anything else ends as the signal says. */
function expectStruck({ ended, tooLate }: Struck, point: Point): void {
  if (tooLate)
    expect({ exit: ended.exit, said: ended.exit === 0 ? '' : ended.stderr }).toEqual({ exit: 0, said: '' });
  else expectEnd(ended, point.signal);
}

/** Waits for a cue of the running command; one that ends before it is struck then and there. */
async function until(watched: Watched, what: string, seen: () => boolean | Promise<boolean>): Promise<void> {
  await waitFor(async () => watched.over() || (await seen()), { what, timeoutMs: 180_000, intervalMs: 20 });
}

const linesIn = (text: string): number => text.split('\n').length - 1;

describe.runIf(of('sandbox up').length > 0)('sandbox up', () => {
  test.each(of('sandbox up').map((point) => [titleOf(point), point] as const))('%s', async (_, point) => {
    const stateDir = await mkdtemp(join(tmpdir(), 'uplift-signals-'));
    await chmod(stateDir, 0o755);
    const name = `sig-${randomBytes(3).toString('hex')}`;
    const traces = watchTraces(stateDir, name);
    await noted(point, async () => {
      const watched = watch([uplift, 'sandbox', 'up', '--name', name], {
        cwd: stateDir,
        env: { UPLIFT_STATE_DIR: stateDir },
      });
      const count = point.cue.kind === 'lines' ? point.cue.count : 0;
      await until(watched, `${count} lines of progress`, () => linesIn(watched.said().stderr) >= count);
      const struck = await strike(watched, point, LIMIT_MS);
      expectStruck(struck, point);
      const needsDown = struck.tooLate || point.signal === 'SIGKILL';
      await expectNoSandbox(traces, needsDown);
      return { struck, found: needsDown ? 'sandbox down left nothing' : 'nothing left' };
    }).finally(traces.stop);
    await removed(stateDir);
  });
});

const onPlatform = points.some(({ command }) => ['topics apply', 'load run', 'drill run'].includes(command));

describe.runIf(onPlatform)('on a standing platform', () => {
  let sandbox: ProofSandbox;
  let config: string;

  beforeAll(async () => {
    sandbox = await ProofSandbox.start();
    config = await readFile(sandbox.configFile, 'utf8');
  });
  afterAll(() => sandbox?.down());

  const begin = (args: readonly string[]): Watched =>
    watch([uplift, ...args], { cwd: sandbox.workDir, env: { UPLIFT_STATE_DIR: sandbox.stateDir } });

  test.each(of('topics apply').map((point) => [titleOf(point), point] as const))('%s', async (_, point) => {
    await noted(point, async () => {
      const file = await otherTopics(sandbox, `signal-${point.number}`, config);
      const known = await runIds(sandbox);
      const struck = await strike(begin(['topics', 'apply', '--yes', '--config', file]), point, LIMIT_MS);
      expectStruck(struck, point);
      const record = await recordOfApply(sandbox, known, point.signal);
      expectExit(await sandbox.run(['topics', 'apply', '--yes', '--config', file]), 0);
      expectExit(await sandbox.run(['topics', 'verify', '--config', file]), 0);
      return { struck, found: `${record}; a second apply finishes, verify passes` };
    });
  });

  test.each(of('load run').map((point) => [titleOf(point), point] as const))('%s', async (_, point) => {
    await noted(point, async () => {
      await steady(sandbox);
      const known = await runIds(sandbox);
      const watched = begin(['load', 'run', '--duration', '6s', '--rate', '100']);
      const run = await nextRun(sandbox, known);
      await until(watched, 'a history', () =>
        readFile(run.history).then(
          (bytes) => bytes.length > 0,
          () => false,
        ),
      );
      const struck = await strike(watched, point, LIMIT_MS);
      expectStruck(struck, point);
      const count = await acknowledgedIn(run.history);
      return { struck, found: `history readable, ${count} acknowledged on disk` };
    });
  });

  test.each(of('drill run').map((point) => [titleOf(point), point] as const))(
    '%s',
    async (_, point) => {
      await noted(point, async () => {
        await steady(sandbox);
        const before = await topologyNow(sandbox);
        const { watched, run, refusals } = await drillAtCue(sandbox, begin, point);
        const struck = await strike(watched, point, LIMIT_MS);
        expect(struck.tooLate).toBe(false);
        expectEnd(struck.ended, point.signal);
        const found = await foundAfter(sandbox, run, point);
        await expectSettled(run);
        await expectAsBefore(sandbox, before);
        expectExit(await sandbox.run(['drill', 'recover']), 0);
        await expectAsBefore(sandbox, before);
        return {
          struck,
          found: refusals === 0 ? found : `${found} (begun again after ${refusals} refusals)`,
        };
      });
    },
    TEST_MS,
  );
});

/** What a killed drill had begun is put back by its watchdog; before it has one, nothing was begun. */
async function foundAfter(sandbox: ProofSandbox, run: SeenRun, { signal }: Point): Promise<string> {
  if (signal !== 'SIGKILL') return 'restored and sealed by itself';
  const watchdog = await watchdogOf(run).catch(() => undefined);
  if (watchdog === undefined) {
    expectExit(await sandbox.run(['drill', 'recover', run.runId]), 0);
    return 'it had no watchdog yet; drill recover sealed it';
  }
  await watchdogGone(watchdog);
  return 'its watchdog restored and sealed it';
}

const MAX_REFUSALS = 3;
const REFUSED = 15;

/** A drill that has come to its cue. On a busy machine one may refuse for want of a steady state: it is begun again. */
async function drillAtCue(
  sandbox: ProofSandbox,
  begin: (args: readonly string[]) => Watched,
  point: Point,
): Promise<{ watched: Watched; run: SeenRun; refusals: number }> {
  for (let refusals = 0; ; refusals += 1) {
    const known = await runIds(sandbox);
    const watched = begin(['drill', 'run', 'kafka-broker-loss', '--yes', '--baseline', '2', '--rate', '120']);
    const run = await nextRun(sandbox, known);
    const cue = cueOfDrill(run, point);
    // When the drill ends first, nobody waits for its cue any more.
    cue.catch(() => undefined);
    const early = await Promise.race([cue, watched.ended]);
    if (early === undefined) return { watched, run, refusals };
    if (early.exit !== REFUSED || refusals >= MAX_REFUSALS)
      throw new Error(`the drill ended before its cue: exit ${early.exit}\n${early.stdout}\n${early.stderr}`);
    await steady(sandbox);
  }
}

async function cueOfDrill(run: SeenRun, { cue }: Point): Promise<undefined> {
  if (cue.kind !== 'journal') throw new Error('a drill is met by its journal');
  const { said } = cue;
  if (said === 'begun') {
    const begun = async (): Promise<boolean> => (await readRecord(run.journal)).entries.length > 0;
    await waitFor(() => begun().catch(() => false), { what: 'a journal', timeoutMs: 60_000, intervalMs: 50 });
  } else if (said === 'step.undone') {
    const undone = async (): Promise<boolean> => killSays((await readRecord(run.journal)).entries, said);
    await waitFor(undone, { what: 'the undo of the kill', timeoutMs: 180_000, intervalMs: 50 });
  } else await untilKill(run, said);
}

describe.runIf(of('demo').length > 0)('the demo', () => {
  const stateDir = join(root, '.uplift');
  test.each(of('demo').map((point) => [titleOf(point), point] as const))(
    '%s',
    async (_, point) => {
      const traces = watchTraces(stateDir, 'demo');
      await noted(point, async () => {
        const watched = watch([join(root, 'scripts', 'demo.mjs')], {});
        const count = point.cue.kind === 'step' ? point.cue.count : 1;
        await until(
          watched,
          `command ${count} of the demo`,
          () => commandsIn(watched.said().stdout) >= count,
        );
        const struck = await strike(watched, point, LIMIT_MS);
        expect(struck.tooLate).toBe(false);
        expectEnd(struck.ended, point.signal);
        const killed = point.signal === 'SIGKILL';
        // What the killed demo had started is a command of its own, which goes on while `down` is typed beside it.
        await expectNoSandbox(traces, killed);
        if (killed) await gone(struck.children, ORPHAN_MS);
        expect(await traces.left()).toEqual([]);
        return { struck, found: killed ? 'sandbox down left nothing' : 'nothing left' };
      }).finally(traces.stop);
    },
    TEST_MS,
  );
});

const commandsIn = (text: string): number => [...text.matchAll(/^\$ uplift /gm)].length;

afterAll(async () => {
  await writePage({ seed, startedAt, rows, wantedPoints: planPoints(seed).length });
});
