import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { loadHistory } from '../../src/load/history-reader.ts';
import { readRecord } from '../../src/record/open.ts';
import { pendingUndo } from '../../src/steps/journal-kinds.ts';
import { expectAsBefore, otherTopics, steady, topologyNow } from '../signals/checks.ts';
import { READING_COMMANDS } from '../support/reading-commands.ts';
import { expectExit, ProofSandbox } from '../support/sandbox.ts';
import { nextRun, runIds, seenRun, untilKill } from '../support/sandbox-runs.ts';
import { canMount, mountSmallDisk, NEEDS_ROOT, type SmallDisk } from '../support/small-disk.ts';
import { root } from '../support/source-tree.ts';

/** What `uplift` itself writes, on a disk that is full: 74, what and where, what to type, and nothing left broken. */
let sandbox: ProofSandbox;
let disk: SmallDisk | undefined;
let runId = '';

beforeAll(async () => {
  sandbox = await ProofSandbox.start();
  [runId = ''] = await runIds(sandbox);
});
afterEach(async () => {
  await disk?.unmount();
  disk = undefined;
});
afterAll(() => sandbox?.down());

/** A small disk under the folder of all runs; what ran before is hidden for the length of the test. */
async function smallRuns(sizeKiB: number, skip: (why: string) => void): Promise<SmallDisk> {
  if (!canMount) skip(NEEDS_ROOT);
  disk = await mountSmallDisk(join(sandbox.stateDir, 'runs'), sizeKiB);
  return disk;
}

/** From no room at all to room for everything: each page more lets one more line of the journal through. */
const ROOM_KIB = [0, 4, 8, 12, 16, 24];

test('an apply whose journal does not fit ends with 74 or 0, and a second one finishes', async ({ skip }) => {
  const small = await smallRuns(512, skip);
  const config = await readFile(sandbox.configFile, 'utf8');
  const exits: number[] = [];
  for (const roomKiB of ROOM_KIB) {
    const file = await otherTopics(sandbox, `full-${roomKiB}`, config);
    await small.fill(roomKiB * 1024);
    const result = await sandbox.run(['topics', 'apply', '--yes', '--config', file]);
    exits.push(result.exit ?? -1);
    if (result.exit !== 0) {
      expectExit(result, 74);
      expect(result.stderr).toMatch(/runs\/[0-9a-f-]{36}.*(no space left|ENOSPC)/is);
      expect(result.stderr).toMatch(/Next: +df -h \S*runs/);
      const there = await sandbox.withCluster((cluster) => cluster.describe({ timeoutMs: 10_000 }));
      const [own] = (await runIds(sandbox)).slice(-1);
      const entries = await readRecord(seenRun(sandbox, own ?? '').journal).then(
        (record) => record.entries,
        () => [],
      );
      // An effect whose intent is not on disk is not begun.
      if (!entries.some(({ kind }) => kind === 'step.intent'))
        expect(there.topics.filter(({ name }) => name.startsWith(`full-${roomKiB}.`))).toEqual([]);
    }
    await small.free();
    expectExit(await sandbox.run(['topics', 'apply', '--yes', '--config', file]), 0);
    expectExit(await sandbox.run(['topics', 'verify', '--config', file]), 0);
  }
  expect(exits[0]).toBe(74);
  expect(exits.at(-1)).toBe(0);
}, 240_000);

const DRILL = ['drill', 'run', 'kafka-broker-loss', '--yes', '--baseline', '1', '--rate', '60'];

test('a drill that cannot write from the fault on puts everything back, exits 74, and recover ends its record', async ({
  skip,
}) => {
  const small = await smallRuns(8_192, skip);
  await steady(sandbox);
  const before = await topologyNow(sandbox);
  const known = await runIds(sandbox);
  const child = sandbox.start(DRILL, 300_000);
  const run = await nextRun(sandbox, known);
  await Promise.race([untilKill(run, 'step.verified'), child.ended]);
  await small.fill();
  const result = await child.ended;
  expectExit(result, 74);
  expect(result.stderr).toMatch(new RegExp(`${run.runId}/(history|journal)\\.ndjson cannot be written`));
  expect(result.stderr).toContain('Everything is put back');
  expect(result.stderr).toContain(`uplift drill recover ${run.runId}`);
  await expectAsBefore(sandbox, before);

  await small.free();
  expectExit(await sandbox.run(['drill', 'recover', run.runId]), 0);
  const record = await readRecord(run.journal);
  expect(record.status).toBe('sealed');
  expect(pendingUndo(record.entries)).toEqual([]);
  await expectAsBefore(sandbox, before);
}, 400_000);

test('a drill that cannot write at all touches nothing', async ({ skip }) => {
  const small = await smallRuns(256, skip);
  const before = await topologyNow(sandbox);
  await small.fill();
  const result = await sandbox.run(DRILL);
  expectExit(result, 74);
  expect(result.stderr).toMatch(/Next: +df -h /);
  await expectAsBefore(sandbox, before);
}, 120_000);

test('a load whose history is full ends with 74, and no acknowledgement was counted that is not on disk', async ({
  skip,
}) => {
  const small = await smallRuns(96, skip);
  const history = join(small.folder, 'history.ndjson');
  const args = ['load', 'run', '--duration', '20s', '--rate', '100', '--history', history];
  const result = await sandbox.run(args);
  expectExit(result, 74);
  expect(result.stderr).toContain(`The history ${history} cannot be written`);
  expect(result.stderr).toMatch(/Next: +df -h /);
  const { ops, report } = await loadHistory(history);
  expect(report.end).toBeNull();
  const onDisk = ops.filter(({ outcome }) => outcome === 'ok').length;
  expect(onDisk).toBeGreaterThan(0);
  const counted = [...`${result.stderr}${result.stdout}`.matchAll(/([\d,]+) acknowledged/g)].map(
    ([, count]) => Number(count?.replaceAll(',', '')),
  );
  expect(Math.max(0, ...counted)).toBeLessThanOrEqual(onDisk);
}, 120_000);

/** Beside the list of what reads a platform: what only prints. */
const PRINTING: readonly (readonly string[])[] = [
  ['sandbox', 'env', '--name', '<sandbox>'],
  ['sandbox', 'logs', 'kafka-1', '--name', '<sandbox>'],
  ['config', 'validate'],
  ['config', 'schema'],
  ['completion', 'bash'],
];

test.for(['text', 'json', 'ndjson'])(
  'every command that reads says 74 when its %s cannot be written',
  async (format, { skip }) => {
    if (process.platform !== 'linux') skip('needs /dev/full, which is Linux');
    const commands = [...READING_COMMANDS.map(({ args }) => args), ...PRINTING];
    const ends = await Promise.all(
      commands.map(async (args) => {
        const filled = args.map((arg) => arg.replace('<sandbox>', sandbox.name).replace('<run>', runId));
        return `${args.slice(0, 2).join(' ')}: ${await codeIntoFull([...filled, '--output', format])}`;
      }),
    );
    expect(ends).toEqual(commands.map((args) => `${args.slice(0, 2).join(' ')}: 74`));
  },
  240_000,
);

/** The exit code of a command whose standard output goes to a disk that is always full. */
async function codeIntoFull(args: readonly string[]): Promise<number> {
  const script = 'exec "$0" "$@" > /dev/full';
  const argv = ['-c', script, process.execPath, join(root, 'bin', 'uplift.js'), ...args];
  const env = { ...process.env, UPLIFT_STATE_DIR: sandbox.stateDir, UPLIFT_CONFIG: sandbox.configFile };
  return promisify(execFile)('sh', argv, { cwd: sandbox.workDir, env, timeout: 120_000 }).then(
    () => 0,
    (error: { code?: number }) => error.code ?? -1,
  );
}
