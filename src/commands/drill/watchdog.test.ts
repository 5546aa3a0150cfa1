import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { quietDeps } from '../../../test/support/quiet-deps.ts';
import { procEntry } from '../../clients/process/proc-table.ts';
import { systemClock } from '../../core/clock.ts';
import { type RunFolder, runActor, runFolder } from '../../drills/run-folder.ts';
import { endStandIn, isGone, type StandIn, startStandIn } from '../../drills/watchdog/testing/stand-in.ts';
import { openJournal, readRecord } from '../../record/open.ts';
import { checkSignature } from '../../record/signature.ts';
import { trustedKeys } from './keys.ts';
import { watchdogCommand } from './watchdog.ts';

const RUN = '01a21558-599f-77f4-bbf0-a44a24836f27';
const MAIN = fileURLToPath(new URL('../../main.ts', import.meta.url));

let dir = '';
let folder: RunFolder;
let config = '';
let run: StandIn | undefined;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drill-watchdog-'));
  config = join(dir, 'uplift.yaml');
  await writeFile(
    config,
    "version: 1\nenvironment: { name: shop }\nregions:\n  - { name: one, kafka: { brokers: ['127.0.0.1:1'] } }\n",
  );
  folder = runFolder(join(dir, 'state'), RUN);
  await mkdir(folder.dir, { recursive: true });
  const journal = await openJournal(folder.journal, { runId: RUN, actor: runActor(7), clock: systemClock });
  await journal.append('drill.started', { drill: 'd', environment: 'e', region: 'one' });
  await journal.close();
});
afterEach(async () => {
  if (run !== undefined) await endStandIn(run);
  run = undefined;
  await rm(dir, { recursive: true, force: true });
});

/** A stand-in for a run, with the real program as its watchdog. */
async function begun(): Promise<StandIn> {
  const flags = ['--config', config, '--state-dir', join(dir, 'state'), '--region', 'one'];
  const argv = [process.execPath, MAIN, 'drill', 'watchdog', RUN, ...flags];
  run = await startStandIn({ argv, logFile: folder.watchdogLog });
  return run;
}

test('the watchdog of a run that was killed seals and signs its record, deaf to the signals of a terminal', async () => {
  const { child, watchdogPid } = await begun();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGINT'] as const) process.kill(watchdogPid, signal);
  expect(await procEntry(watchdogPid)).toBeDefined();
  child.kill('SIGKILL');
  await isGone(watchdogPid);
  const record = await readRecord(folder.journal);
  expect(record).toMatchObject({ status: 'sealed', problems: [] });
  const { globals, ...deps } = quietDeps(config, join(dir, 'state'), dir);
  expect(checkSignature(record, await trustedKeys({ ...deps, globals }))).toMatchObject({ state: 'signed' });
  expect(record.entries.map(({ kind }) => kind)).toEqual([
    ...['drill.started', 'journal.resumed', 'drill.takenOver', 'drill.evidence', 'drill.ended'],
  ]);
  expect(record.entries.at(-1)).toMatchObject({
    actor: `drill.watchdog pid ${watchdogPid}`,
    body: { execution: 'interrupted', recovered: true, reason: expect.stringContaining('died') },
  });
  expect(await readFile(folder.watchdogLog, 'utf8')).toContain(`${RUN}: its process died`);
}, 60_000);

test('the watchdog of a run that came to its own end leaves its record as it is', async () => {
  const { watchdogPid, tell } = await begun();
  const before = await readFile(folder.journal, 'utf8');
  await tell('finish');
  expect(await procEntry(watchdogPid)).toBeUndefined();
  expect(await readFile(folder.journal, 'utf8')).toBe(before);
  expect(await readFile(folder.watchdogLog, 'utf8')).toContain('the run came to its own end');
}, 60_000);

test('nobody starts a watchdog by hand', async () => {
  const { send } = process;
  delete process.send;
  try {
    const deps = quietDeps(config, join(dir, 'state'), dir);
    await expect(watchdogCommand(deps, { run: RUN })).rejects.toMatchObject({ code: 'UPL-USAGE' });
  } finally {
    if (send !== undefined) process.send = send;
  }
}, 60_000);
