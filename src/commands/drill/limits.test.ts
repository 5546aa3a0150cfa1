import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { quietDeps } from '../../../test/support/quiet-deps.ts';
import { systemClock } from '../../core/clock.ts';
import type { Deps } from '../../deps.ts';
import { STOP_FILE } from '../../drills/limits/stop.ts';
import { sampleRun } from '../../drills/record/testing/record-fixture.ts';
import { makeRunFolder } from '../../drills/run-folder.ts';
import { ownSigningKey } from '../../record/keys.ts';
import { openJournal } from '../../record/open.ts';
import { intentBody, STEP } from '../../steps/journal-kinds.ts';
import { allowCommand } from './allow.ts';
import { historyCommand } from './history.ts';
import { lsCommand } from './ls.ts';
import { recoverCommand } from './recover.ts';
import { runCommand } from './run.ts';
import { showCommand } from './show.ts';
import { stopCommand } from './stop.ts';
import { verifyCommand } from './verify.ts';

const RUN = '01a21558-599f-77f4-bbf0-a44a24836f27';
const INPUT = { drill: 'kafka-broker-loss', rate: 1, baseline: 1, seed: 1, yes: true, allowNoLock: false };

let folder = '';
let stateDir = '';
let shared = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drill-limits-'));
  stateDir = join(folder, 'state');
  shared = join(folder, 'shared');
  await mkdir(shared);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A project with these lines under `drills`; none of its servers answers. */
async function depsWith(lines: string, production = false): Promise<Deps> {
  const config = join(folder, 'uplift.yaml');
  const text = `version: 1
environment: { name: shop, production: ${production} }
regions:
  - name: local
    kafka: { brokers: ['127.0.0.1:1'] }
    postgres: { database: d, user: u, writer: { name: a, address: '127.0.0.1:1' } }
    service: { gateways: [{ id: g, url: 'http://127.0.0.1:1' }] }
    actuator: { kind: process, units: units }
drills:
  maxFault: 5m
${lines}`;
  await writeFile(config, text);
  const quiet = quietDeps('', stateDir, folder);
  return { ...quiet, globals: { ...quiet.globals, config } };
}

const SHARED = '  journalDir: shared\n';
const runsIn = async (dir: string): Promise<string[]> => readdir(join(dir, 'runs')).catch(() => []);

async function refusedFor(deps: Deps, input = INPUT) {
  const refused = await runCommand(deps, input).then(
    () => expect.unreachable('it ran'),
    (error: unknown) => error as { code: string; exit: number; next: string; findings: readonly object[] },
  );
  expect(refused).toMatchObject({ code: 'UPL-PREFLIGHT-REFUSED', exit: 15 });
  expect(await runsIn(stateDir)).toEqual([]);
  expect(await runsIn(shared)).toEqual([]);
  return refused;
}

describe('drill run, before anybody is asked anything', () => {
  test('refuses in production where drills are off, whatever else was given', async () => {
    const { next, findings } = await refusedFor(await depsWith('', true), {
      ...INPUT,
      ...{ approver: 'Ada' },
    });
    expect(next).toBe('drills: { inProduction: true } in uplift.yaml');
    expect(findings).toMatchObject([{ id: 'drill.production', status: 'fail' }]);
  });

  test('refuses outside of the change window, and says when it opens', async () => {
    const nowhere =
      '  window: { days: [mon], from: "00:00", to: "24:00", timeZone: UTC, blocked: ["2020-01-01..2099-01-01"] }\n';
    const { findings } = await refusedFor(await depsWith(nowhere));
    expect(findings).toMatchObject([{ id: 'drill.window', promise: { text: 'uplift.yaml:11' } }]);
  });

  test('refuses a journal folder that is not there, and makes none', async () => {
    const { findings } = await refusedFor(await depsWith('  journalDir: away\n'));
    expect(findings).toMatchObject([
      {
        id: 'drill.journal',
        summary: expect.stringContaining(`no journal can be kept in ${join(folder, 'away')}`),
      },
      { id: 'drill.stop', status: 'inconclusive', summary: expect.stringContaining('is it mounted?') },
    ]);
    expect(await readdir(folder)).not.toContain('away');
  });
});

describe('drill stop and drill allow', () => {
  test.each([
    ['the state folder', ''],
    ['a shared folder', SHARED],
  ])('stop every drill of %s, say why, and let them run again', async (_, lines) => {
    const deps = await depsWith(lines);
    const dir = lines === '' ? stateDir : shared;
    const stopped = await stopCommand(deps, { reason: 'incident 4711' });
    expect(stopped).toMatchObject({ exit: 0, kind: 'drill.stop', data: { journalDir: dir, unfinished: [] } });
    expect(await readFile(join(dir, STOP_FILE), 'utf8')).toMatch(/^\{.*"reason":"incident 4711"\}\n$/);
    expect(JSON.stringify(stopped.blocks).includes('That is the state folder')).toBe(lines === '');
    const { next, findings } = await refusedFor(deps);
    expect(next).toBe('uplift drill allow');
    expect(findings).toMatchObject([
      {
        id: 'drill.stop',
        status: 'fail',
        summary: expect.stringMatching(/^drills are stopped by .*: incident 4711$/),
      },
    ]);
    const listed = await lsCommand(deps, {});
    expect(JSON.stringify(listed.blocks)).toMatch(/NONE BEGINS: drills are stopped by .*incident 4711/);
    const allowed = await allowCommand(deps, { yes: true });
    expect(allowed).toMatchObject({
      exit: 0,
      data: { wasStopped: true, orders: [{ reason: 'incident 4711' }] },
    });
    expect((await lsCommand(deps, {})).data).toMatchObject({ stop: { kind: 'allowed' } });
    expect(await allowCommand(deps, { yes: true })).toMatchObject({ exit: 0, data: { wasStopped: false } });
  });

  test('stop asks nobody, allow does: without a terminal it says what to type, and nothing changes', async () => {
    const deps = await depsWith('');
    await stopCommand(deps, {});
    await expect(allowCommand(deps, { yes: false })).rejects.toMatchObject({
      ...{ code: 'UPL-CONFIRMATION-NEEDED', exit: 15, next: 'uplift drill allow --yes' },
    });
    // In production the name is typed, whatever flag there is.
    await expect(allowCommand(await depsWith('', true), { yes: true })).rejects.toMatchObject({
      code: 'UPL-CONFIRMATION-NEEDED',
      message: expect.stringContaining('its name must be typed'),
    });
    expect(await readdir(stateDir)).toContain(STOP_FILE);
  });

  test('name the runs that are not restored', async () => {
    const deps = await depsWith(SHARED);
    await killedRun({ begun: true });
    expect(await stopCommand(deps, {})).toMatchObject({ data: { unfinished: [RUN] } });
  });

  test('ls lists without a configuration, and says that it cannot tell with a wrong one', async () => {
    const deps = await depsWith('  window: 5\n');
    const wrong = await lsCommand(deps, {});
    expect(wrong).toMatchObject({ exit: 0, data: { stop: { kind: 'unknown' } } });
    const { config: _, ...globals } = deps.globals;
    await rm(join(folder, 'uplift.yaml'));
    expect((await lsCommand({ ...deps, globals }, {})).data).toMatchObject({ stop: { kind: 'allowed' } });
  });
});

/** A run that was killed, in the shared folder; `begun`: after its step had. */
async function killedRun({ begun }: { readonly begun: boolean }): Promise<string> {
  const { journal: path } = await makeRunFolder(shared, RUN);
  const journal = await openJournal(path, { runId: RUN, actor: 'drill.run pid 7', clock: systemClock });
  await journal.append('drill.started', { drill: 'd', environment: 'e', region: 'local' });
  const step = { kind: 'drill.moveLeaders', version: 1, args: null };
  if (begun) await journal.append(STEP.intent, intentBody({ step, describe: 'move', reversible: true }));
  await journal.close();
  return path;
}

describe('drills.journalDir', () => {
  test('is where history, show and verify look; keys stay in the state folder', async () => {
    const deps = await depsWith(SHARED);
    const key = await ownSigningKey(stateDir);
    await sampleRun(shared, RUN, key);
    expect((await historyCommand(deps, { limit: 5 })).data).toMatchObject({ drills: [{ runId: RUN }] });
    expect(await showCommand(deps, { run: RUN, lost: false })).toMatchObject({
      data: { signedBy: key.keyId },
    });
    expect(await verifyCommand(deps, { run: RUN })).toMatchObject({ exit: 0 });
    await expect(verifyCommand(await depsWith(''), { run: RUN })).rejects.toMatchObject({
      code: 'UPL-INPUT-INVALID',
    });
  });

  test('what a dead host left there is recovered by whoever names that host, and stays its own until then', async () => {
    const path = await killedRun({ begun: false });
    const claim = { pid: process.pid, startTime: '1', host: 'db-1', machine: 'a' };
    await writeFile(`${path}.writer-1`, JSON.stringify(claim));
    const deps = await depsWith(SHARED);
    await expect(recoverCommand(deps, { run: RUN })).rejects.toMatchObject({
      ...{ code: 'UPL-JOURNAL-HELD', exit: 15 },
      next: 'the same command with --take-over db-1, once it is certain that it runs no more',
    });
    await expect(recoverCommand(deps, { run: RUN, takeOver: hostname() })).rejects.toMatchObject({
      code: 'UPL-JOURNAL-HELD',
    });
    const recovered = await recoverCommand(deps, { run: RUN, takeOver: 'db-1' });
    expect(recovered).toMatchObject({ exit: 0, data: { runs: [{ runId: RUN, failed: [], sealed: true }] } });
    expect(await readFile(path, 'utf8')).toContain('"takenOverFrom":"db-1"');
  });
});
