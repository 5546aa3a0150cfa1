import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { quietDeps } from '../../../test/support/quiet-deps.ts';
import type { Deps } from '../../deps.ts';
import { sampleRun } from '../../drills/record/testing/record-fixture.ts';
import { ownSigningKey } from '../../record/keys.ts';
import { historyCommand } from './history.ts';
import { recoverCommand } from './recover.ts';
import { reportCommand } from './report.ts';
import { showCommand } from './show.ts';
import { verifyCommand } from './verify.ts';

const RUN = '01a21558-599f-77f4-bbf0-a44a24836f27';
let folder = '';
let stateDir = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drill-swapped-'));
  stateDir = join(folder, 'state');
  await writeFile(
    join(folder, 'uplift.yaml'),
    "version: 1\nenvironment: { name: shop, production: false }\nregions:\n  - { name: local, kafka: { brokers: ['127.0.0.1:1'] } }\n",
  );
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const deps = (): Deps => quietDeps(join(folder, 'uplift.yaml'), stateDir, folder);

describe('a whole good record in the place of another one', () => {
  const BAD = '01a21559-599f-77f4-bbf0-a44a24836f27';
  const OTHER = `line 1: The line belongs to run ${RUN}, not to ${BAD}.`;
  let bad = '';
  let good = '';
  beforeEach(async () => {
    const key = await ownSigningKey(stateDir);
    good = (await sampleRun(stateDir, RUN, key)).dir;
    bad = (await sampleRun(stateDir, BAD, key, { hypothesis: 'deviated', lost: 4 })).dir;
    await rm(bad, { recursive: true });
    await cp(good, bad, { recursive: true });
  });

  test('fails drill verify under the name of the other, by run, by its beginning and by folder', async () => {
    for (const run of [BAD, BAD.slice(0, 8), bad]) {
      const outcome = await verifyCommand(deps(), { run });
      expect(outcome).toMatchObject({ exit: 10, data: { runId: BAD, signedBy: null } });
      const said = JSON.stringify(outcome.blocks);
      for (const text of [OTHER, 'BROKEN', `["run","${BAD}"]`]) expect(said).toContain(text);
      expect(said).not.toContain('kafka-broker-loss');
    }
  });

  test('is judged by its own id, which is printed, as a file and in a folder that names no run', async () => {
    const copy = join(folder, 'evidence');
    await cp(good, copy, { recursive: true });
    for (const run of [join(bad, 'journal.ndjson'), copy]) {
      const outcome = await verifyCommand(deps(), { run });
      expect(outcome).toMatchObject({ exit: 0, data: { runId: RUN } });
      expect(JSON.stringify(outcome.blocks)).toContain(`["run","${RUN}"]`);
    }
  });

  test('is broken in history and report, which count it once, and drill show tells nothing of it', async () => {
    const { data } = await historyCommand(deps(), { limit: 5 });
    expect(data).toMatchObject({
      drills: [
        { runId: BAD, state: 'broken', problem: OTHER, drill: null, outcome: null },
        { runId: RUN, state: 'signed' },
      ],
    });
    const report = await reportCommand(deps(), {});
    expect(report.data).toMatchObject({ trend: [{ runs: 1, held: 1, acknowledged: 8412 }] });
    expect(report.verbatim).toContain('2 drills: 1 held, 0 deviated, 0 inconclusive. Not counted: 1 record');
    const shown = await showCommand(deps(), { run: BAD, lost: false });
    expect(shown).toMatchObject({ exit: 10, data: { status: 'broken', result: null, signedBy: null } });
    expect(JSON.stringify(shown.blocks)).not.toContain('drill.result');
  });

  test('does not let drill recover say that nothing was left to undo', async () => {
    const outcome = await recoverCommand(deps(), { run: BAD });
    expect(outcome).toMatchObject({
      exit: 16,
      data: { runs: [{ runId: BAD, failed: [`its journal is the record of run ${RUN}`] }] },
    });
    expect((await recoverCommand(deps(), { run: RUN })).exit).toBe(0);
  });
});
