import { appendFile, chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { quietDeps } from '../../../test/support/quiet-deps.ts';
import type { ProgressEvent } from '../../core/blocks.ts';
import { systemClock } from '../../core/clock.ts';
import type { Step } from '../../core/step.ts';
import type { Deps } from '../../deps.ts';
import { outcomeOf } from '../../drills/record/outcome.ts';
import { sampleRun } from '../../drills/record/testing/record-fixture.ts';
import { runActor, runFolder, unfinishedIds } from '../../drills/run-folder.ts';
import { ownSigningKey } from '../../record/keys.ts';
import { openJournal, readRecord, resumeJournal } from '../../record/open.ts';
import { intentBody, STEP } from '../../steps/journal-kinds.ts';
import { recoverCommand } from './recover.ts';

const RUN = '01a21558-599f-77f4-bbf0-a44a24836f27';
const LATER = '01a21559-599f-77f4-bbf0-a44a24836f27';
let folder = '';
let stateDir = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drill-recover-'));
  stateDir = join(folder, 'state');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A project with these regions; no server answers in any of them. */
const depsOf = (...regions: readonly string[]): Promise<Deps> =>
  depsActing('{ kind: process, units: units }', ...regions);

async function depsActing(actuator: string, ...regions: readonly string[]): Promise<Deps> {
  const config = join(folder, 'uplift.yaml');
  const lines = regions.map(
    (name) => `  - name: ${name}\n    kafka: { brokers: ['127.0.0.1:1'] }\n    actuator: ${actuator}\n`,
  );
  await writeFile(config, `version: 1\nenvironment: { name: shop }\nregions:\n${lines.join('')}`);
  const quiet = quietDeps('', stateDir, folder);
  return { ...quiet, globals: { ...quiet.globals, config } };
}

const MOVE: Step = { kind: 'drill.moveLeaders', version: 1, args: null };

/** A run that was killed after its step had begun. */
async function killedRun(runId: string, region?: string, pid = 7, step: Step = MOVE): Promise<string> {
  const { dir, journal: path } = runFolder(stateDir, runId);
  await mkdir(dir, { recursive: true });
  const journal = await openJournal(path, { runId, actor: runActor(pid), clock: systemClock });
  const where = region === undefined ? {} : { region };
  await journal.append('drill.started', { drill: 'd', environment: 'e', ...where });
  await journal.append(STEP.intent, intentBody({ step, describe: 'move', reversible: true }));
  await journal.close();
  return path;
}

const ELSEWHERE = ['its region is not in uplift.yaml'];

describe('drill recover', () => {
  test.each([
    ['one other region', ['one'], 'gone'],
    ['several regions, none of them named', ['one', 'two'], undefined],
  ])('puts nothing back in %s', async (_, regions, named) => {
    await killedRun(RUN, named);
    const { exit, data } = await recoverCommand(await depsOf(...regions), { run: RUN });
    expect({ exit, data }).toEqual({
      exit: 16,
      data: { runs: [{ runId: RUN, undone: [], failed: ELSEWHERE, sealed: false }] },
    });
  });

  describe('runs nothing that uplift.yaml does not declare now', () => {
    const killed = (units: string): Step => ({
      kind: 'drill.killBroker',
      version: 1,
      args: { units, broker: 1 },
    });
    const exec = (more: string): string => `{ kind: exec${more} }`;
    const state = "brokers: { state: { argv: ['true'] } }";

    test('the same unit files by another way are the same', async () => {
      await mkdir(join(folder, 'units'));
      await symlink(folder, `${folder}-link`);
      try {
        await killedRun(RUN, 'one', 7, killed(`${folder}-link/units`));
        const { data } = await recoverCommand(await depsOf('one'), { run: RUN });
        expect(data).toMatchObject({ runs: [{ failed: [expect.stringContaining('no unit of broker 1')] }] });
      } finally {
        await rm(`${folder}-link`);
      }
    });

    test.each([
      ['other unit files', '{ kind: process, units: units }', '/elsewhere', 'the unit files in /elsewhere'],
      ['unit files, where commands act', exec(`, ${state}`), '/elsewhere', 'region one has commands now'],
      [
        'commands, where unit files act',
        '{ kind: process, units: units }',
        'exec:one',
        'it was begun through commands',
      ],
      ['commands of another region', exec(`, ${state}`), 'exec:two', 'it was begun through commands'],
      [
        'commands that are no more',
        exec(''),
        'exec:one',
        'uplift.yaml has no actuator.brokers in region one',
      ],
      [
        'a command in place of a name',
        exec(`, ${state}`),
        'exec:/bin/reboot',
        'it was begun through commands',
      ],
    ])('a journal with %s stays open, 16', async (_, actuator, units, why) => {
      const path = await killedRun(RUN, 'one', 7, killed(units));
      const { exit, data } = await recoverCommand(await depsActing(actuator, 'one'), { run: RUN });
      expect({ exit, data }).toMatchObject({
        exit: 16,
        data: { runs: [{ undone: [], failed: [expect.stringContaining(why)], sealed: false }] },
      });
      expect((await readRecord(path)).status).not.toBe('sealed');
    });
  });

  describe('gives up what cannot be put back', () => {
    test.each([
      ['a step that fails', 'one', 'no unit of broker 1'],
      ['a region that is gone', 'gone', 'its region is not in uplift.yaml'],
    ])(
      '%s: 16, sealed as not restored with who and why, and no drill waits for it any more',
      async (_, region, why) => {
        await mkdir(join(folder, 'units'));
        const args = { units: join(folder, 'units'), broker: 1 };
        const path = await killedRun(RUN, region, 7, { kind: 'drill.killBroker', version: 1, args });
        const deps = await depsOf('one');
        expect(await unfinishedIds(stateDir)).toEqual([RUN]);
        const { exit, data, blocks } = await recoverCommand(deps, {
          run: RUN,
          giveUp: 'the host was scrapped',
        });
        expect({ exit, data }).toMatchObject({
          exit: 16,
          data: {
            runs: [
              { failed: [expect.stringContaining(why)], sealed: true, givenUp: 'the host was scrapped' },
            ],
          },
        });
        expect(JSON.stringify(blocks)).toContain('NOT RESTORED, GIVEN UP');
        const { status, entries } = await readRecord(path);
        expect(status).toBe('sealed');
        expect(outcomeOf(entries)).toMatchObject({
          ...{ restored: 'notRestored', execution: 'interrupted' },
          reasons: [expect.stringMatching(/^given up by .+ on .+: the host was scrapped$/)],
        });
        expect(entries.find(({ kind }) => kind === 'drill.givenUp')?.body).toMatchObject({
          left: [expect.stringContaining(why)],
        });
        expect(await unfinishedIds(stateDir)).toEqual([]);
        const again = await recoverCommand(deps, { run: RUN });
        expect(again).toMatchObject({ exit: 16, data: { runs: [{ sealed: true }] } });
      },
    );

    test.each([{ giveUp: 'all of it' }, { run: RUN, giveUp: ' ' }])(
      'only one run, with a reason: %j is refused and nothing is touched',
      async (input) => {
        const path = await killedRun(RUN, 'gone');
        const refused = recoverCommand(await depsOf('one'), input);
        await expect(refused).rejects.toMatchObject({ code: 'UPL-INPUT-INVALID' });
        expect((await readRecord(path)).entries.some(({ kind }) => kind === 'drill.givenUp')).toBe(false);
      },
    );
  });

  test('goes on with the others when one cannot be recovered', async () => {
    const path = await killedRun(RUN, 'one');
    await chmod(path, 0o644);
    await appendFile(path, '{"no":"entry"}\n');
    await killedRun(LATER, 'gone');
    const deps = await depsOf('one');
    expect(await recoverCommand(deps, {})).toMatchObject({
      exit: 16,
      data: {
        runs: [
          { runId: RUN, failed: [expect.any(String)], sealed: false },
          { runId: LATER, failed: ELSEWHERE },
        ],
      },
    });
    await expect(recoverCommand(deps, { run: RUN })).rejects.toMatchObject({
      code: expect.stringMatching(/^UPL-/),
    });
  });

  test('waits for a watchdog that is putting the run back, and says so', async () => {
    const path = await killedRun(RUN, 'gone');
    const actor = `drill.watchdog pid ${process.pid}`;
    const journal = await resumeJournal(path, { actor, clock: systemClock });
    const waiting = Promise.withResolvers<string>();
    const deps = { ...(await depsOf('one')), progress: ({ text }: ProgressEvent) => waiting.resolve(text) };
    let over = false;
    const recovering = recoverCommand(deps, { run: RUN }).finally(() => {
      over = true;
    });
    expect(await waiting.promise).toBe(
      `process ${process.pid} is putting things back already: waiting for it`,
    );
    await delay(300);
    expect(over).toBe(false);
    await journal.close();
    expect(await recovering).toMatchObject({ exit: 16, data: { runs: [{ failed: ELSEWHERE }] } });
  });

  test('does not wait for a run that goes on', async () => {
    const path = await killedRun(RUN, 'one', process.pid);
    const journal = await resumeJournal(path, { actor: runActor(process.pid), clock: systemClock });
    await expect(recoverCommand(await depsOf('one'), { run: RUN })).rejects.toMatchObject({
      code: 'UPL-JOURNAL-HELD',
    });
    await journal.close();
  });

  test('of a sealed run says what its record says was left: 16, and 0 where nothing was', async () => {
    const key = await ownSigningKey(stateDir);
    await sampleRun(stateDir, RUN, key, { restored: 'notRestored' });
    await sampleRun(stateDir, LATER, key);
    const deps = await depsOf('local');
    const left = await recoverCommand(deps, { run: RUN });
    expect(left).toMatchObject({ exit: 16, data: { runs: [{ failed: ['events/3 is led by 1, was 2'] }] } });
    expect(JSON.stringify(left.blocks)).not.toContain('nothing was left to undo');
    expect(left.blocks?.at(-1)).toEqual({ kind: 'next', command: `uplift drill show ${RUN}` });
    const whole = await recoverCommand(deps, { run: LATER });
    expect(whole).toMatchObject({ exit: 0, data: { runs: [{ failed: [], sealed: true }] } });
    expect(JSON.stringify(whole.blocks)).toContain('nothing was left to undo');
  });
});
