import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { statusOf } from '../../src/clients/process/status.ts';
import { diffTopology, type KafkaTopology, topologyOf } from '../../src/drills/kafka/topology.ts';
import { readRecord } from '../../src/record/open.ts';
import { type AtTerminal, startAtTerminal } from '../support/pty.ts';
import { ProofSandbox } from '../support/sandbox.ts';
import { nextRun, runIds, type SeenRun, watchdogGone, watchdogOf } from '../support/sandbox-runs.ts';
import { root } from '../support/source-tree.ts';

const DRILL = ['drill', 'run', 'kafka-broker-loss', '--baseline', '2', '--rate', '100'];
const DRILL_MS = 150_000;

let sandbox: ProofSandbox;
let before: KafkaTopology;

beforeAll(async () => {
  sandbox = await ProofSandbox.start();
});
beforeEach(async () => {
  before = await topologyNow();
});
afterAll(() => sandbox?.down());

/** As the test's own client sees it, not as a drill says. */
function topologyNow(): Promise<KafkaTopology> {
  return sandbox.withCluster(async (cluster) => topologyOf(await cluster.describe({ timeoutMs: 10_000 })));
}

async function expectRestored(): Promise<void> {
  expect(diffTopology(before, await topologyNow())).toEqual([]);
  const states = await Promise.all((await sandbox.units('kafka')).map(statusOf));
  expect(states.map(({ state }) => state)).toEqual(['running', 'running', 'running']);
}

function start(args: readonly string[] = ['--yes']): AtTerminal {
  const env = { UPLIFT_STATE_DIR: sandbox.stateDir };
  const command = [process.execPath, join(root, 'bin', 'uplift.js'), ...DRILL, ...args];
  return startAtTerminal(command, { cwd: sandbox.workDir, env, timeoutMs: DRILL_MS });
}

async function startedRun(): Promise<{ readonly at: AtTerminal; readonly run: SeenRun }> {
  const known = await runIds(sandbox);
  const at = start([]);
  await at.sees(/Type yes to go on:/, 30_000);
  at.type('yes\r');
  return { at, run: await nextRun(sandbox, known) };
}

async function endOf(run: SeenRun): Promise<unknown> {
  const record = await readRecord(run.journal);
  expect(record.status).toBe('sealed');
  return record.entries.at(-1)?.body;
}

/** UPLIFT_FRAMES=<file>: the screens as they were seen, to be looked at. */
async function keepFrames({ frames }: AtTerminal): Promise<void> {
  const file = process.env.UPLIFT_FRAMES;
  if (file !== undefined) await writeFile(file, frames.join(`\n${'='.repeat(80)}\n`));
}

describe('a drill that is run by a person at a terminal', () => {
  test('shows each phase, the load, who leads and what the key does; its lines and its result stay', async () => {
    const at = start();
    const exit = await at.ended;
    await keepFrames(at);
    expect([exit, at.screen.lines().join('\n')]).toEqual([0, expect.stringContaining('HELD')]);
    const shown = (pattern: RegExp): boolean => at.frames.some((frame) => pattern.test(frame));
    for (const phase of ['preflight', 'baseline', 'fault', 'restore', 'after', 'final reads'])
      expect([phase, shown(new RegExp(`^> ${phase}`, 'm'))]).toEqual([phase, true]);
    expect(shown(/^load +\d+\/s acknowledged · \d+\/s failing · p99 .* in flight/m)).toBe(true);
    expect(shown(/^last \d+ s +[▁▂▃▄▅▆▇█ ]+$/m)).toBe(true);
    expect(shown(/^leaders +! \d+ of \d+ partitions wait for another leader/m)).toBe(true);
    expect(shown(/^leaders +all \d+ partitions have another leader/m)).toBe(true);
    expect(shown(/^> fault .* at most [\d.]+ s more$/m)).toBe(true);
    expect(shown(/^detect +\d/m)).toBe(true);
    expect(shown(/^Ctrl-C or q: stop, put everything back, record the run as interrupted$/m)).toBe(true);
    const left = at.screen.lines().join('\n');
    expect(left).not.toMatch(/^> |Ctrl-C or q/m);
    expect(left).toMatch(/^ {2}preflight +✔ \d+ checks pass$/m);
    expect(left).toMatch(/^ {2}restore +✔ everything back after/m);
    expect(left).toMatch(/HELD: /);
    expect(at.isAsBefore()).toBe(true);
    await expectRestored();
  }, 300_000);

  test('is stopped by Ctrl-C in its fault: everything is put back, and the record says interrupted', async () => {
    const { at, run } = await startedRun();
    await at.sees(/^leaders +! \d+ of \d+ partitions wait/m, 90_000);
    at.type('\u0003');
    await at.sees(/^SIGINT: /m, 10_000);
    expect(await at.ended).toBe(130);
    expect(at.frames.some((frame) => /^> restore/m.test(frame))).toBe(true);
    expect(at.isAsBefore()).toBe(true);
    await expectRestored();
    expect(await endOf(run)).toMatchObject({ execution: 'interrupted' });
  }, 300_000);

  test('is put back although its window was closed', async () => {
    const { at, run } = await startedRun();
    await at.sees(/^leaders +! \d+ of \d+ partitions wait/m, 90_000);
    const watchdog = await watchdogOf(run);
    at.hangUp();
    await at.ended;
    await watchdogGone(watchdog);
    await expectRestored();
    expect(await endOf(run)).toMatchObject({ execution: 'interrupted' });
  }, 300_000);
});

describe('without somebody who looks', () => {
  test('--plain is lines on a terminal too', async () => {
    const at = start(['--yes', '--plain']);
    await at.sees(/^ {2}preflight +✔ \d+ checks pass$/m, 60_000);
    at.type('\u0003');
    expect(await at.ended).toBe(130);
    expect(at.frames.some((frame) => /^> /m.test(frame))).toBe(false);
    await expectRestored();
  }, 200_000);
});
