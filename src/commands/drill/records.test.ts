import { generateKeyPairSync } from 'node:crypto';
import { appendFile, chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { quietDeps } from '../../../test/support/quiet-deps.ts';
import { systemClock } from '../../core/clock.ts';
import type { Deps } from '../../deps.ts';
import { sampleRun } from '../../drills/record/testing/record-fixture.ts';
import { makeRunFolder } from '../../drills/run-folder.ts';
import { ownSigningKey, type SigningKey, signingKeyOf } from '../../record/keys.ts';
import { openJournal } from '../../record/open.ts';
import { historyCommand } from './history.ts';
import { filesOf, reportCommand } from './report.ts';
import { runCommand } from './run.ts';
import { showCommand } from './show.ts';
import { sinceMs } from './since.ts';
import { verifyCommand } from './verify.ts';

const RUN = '01a21558-599f-77f4-bbf0-a44a24836f27';
let folder = '';
let stateDir = '';
let key: SigningKey;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drill-commands-'));
  stateDir = join(folder, 'state');
  key = await ownSigningKey(stateDir);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** As on a machine where the platform and its configuration are gone. */
function deps(config?: string, env: Deps['env'] = {}): Deps {
  const { globals, ...rest } = quietDeps('', stateDir, folder);
  const { config: _, ...others } = globals;
  return { ...rest, env, globals: { ...others, ...(config === undefined ? {} : { config }) } };
}

async function configWith(lines: string): Promise<string> {
  const path = join(folder, 'uplift.yaml');
  const text = `version: 1
environment: { name: shop, production: true }
regions:
  - name: local
    kafka: { brokers: ['127.0.0.1:1'] }
    actuator: { kind: process, units: units }
${lines}`;
  await writeFile(path, text);
  return path;
}

const pemOf = (): string =>
  String(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));

describe('drill verify', () => {
  test('ends with 0 for what is whole and signed, by run, by its beginning, by folder and by file', async () => {
    const { dir, journal } = await sampleRun(stateDir, RUN, key);
    for (const run of [RUN, RUN.slice(0, 8), dir, journal])
      expect((await verifyCommand(deps(), { run })).exit).toBe(0);
    const named = join(stateDir, 'keys', 'drill-record.pub');
    const outcome = await verifyCommand(deps(), { run: RUN, key: named });
    expect(outcome).toMatchObject({ exit: 0, kind: 'drill.verify', data: { signedBy: key.keyId } });
  });

  test('ends with 10 for another key than the one that was named, and once a byte was changed', async () => {
    const { journal } = await sampleRun(stateDir, RUN, key);
    const other = join(folder, 'other.pub');
    await writeFile(other, generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }));
    const wrong = await verifyCommand(deps(), { run: RUN, key: other });
    expect(wrong.exit).toBe(10);
    expect(JSON.stringify(wrong.blocks)).toContain('NOT SIGNED BY THE KEY THAT WAS NAMED');
    await chmod(journal, 0o644);
    await writeFile(journal, (await readFile(journal, 'utf8')).replace('"held"', '"hold"'));
    expect((await verifyCommand(deps(), { run: RUN })).exit).toBe(10);
    expect(await showCommand(deps(), { run: RUN, lost: false })).toMatchObject({
      exit: 10,
      data: { status: 'broken' },
    });
  });

  test('refuses a key file that holds none, and a run that is not there', async () => {
    await sampleRun(stateDir, RUN, key);
    await writeFile(join(folder, 'notes.pub'), 'no key');
    for (const input of [{ run: RUN, key: 'notes.pub' }, { run: RUN, key: 'none.pub' }, { run: 'ffff' }])
      await expect(verifyCommand(deps(), input)).rejects.toMatchObject({ code: 'UPL-INPUT-INVALID' });
  });

  test('goes on knowing a configured key when its secret is gone', async () => {
    const configured = signingKeyOf(pemOf(), 'x');
    const { rememberKey } = await import('../../record/keys.ts');
    await rememberKey(stateDir, configured);
    await sampleRun(stateDir, RUN, configured);
    expect((await verifyCommand(deps(), { run: RUN })).exit).toBe(0);
  });
});

describe('drill show', () => {
  test('falls back to the lines of a record whose result is written otherwise', async () => {
    await sampleRun(stateDir, RUN, key);
    const outcome = await showCommand(deps(), { run: RUN, lost: false });
    expect(outcome).toMatchObject({ exit: 0, data: { status: 'sealed', signedBy: key.keyId, result: null } });
    expect(JSON.stringify(outcome.blocks)).toContain('drill.result');
  });
});

describe('drill show of a record that was altered after its seal', () => {
  test('tells no result, in JSON neither', async () => {
    const { journal: path } = await makeRunFolder(stateDir, RUN);
    const journal = await openJournal(path, { runId: RUN, actor: 'a', clock: systemClock });
    await journal.append('drill.result', { expected: {}, interruption: {} });
    await journal.seal();
    await chmod(path, 0o644);
    await appendFile(path, 'x');
    expect(await showCommand(deps(), { run: RUN, lost: false })).toMatchObject({
      exit: 10,
      data: { status: 'broken', result: null },
    });
  });
});

describe('drill history and drill report', () => {
  test('need no configuration, and say of an empty folder that nothing ran', async () => {
    expect((await historyCommand(deps(), { limit: 5 })).data).toEqual({ drills: [], more: false });
    expect((await reportCommand(deps(), {})).verbatim).toContain('There is no record of a drill.');
  });

  test('write both forms beside one another, again over what was there', async () => {
    await sampleRun(stateDir, RUN, key);
    for (let time = 0; time < 2; time += 1) {
      const outcome = await reportCommand(deps(), { out: 'q4' });
      expect(outcome).toMatchObject({ exit: 0, data: { trend: [{ drill: 'kafka-broker-loss', held: 1 }] } });
      expect(outcome.verbatim).toBeUndefined();
    }
    expect(await readFile(join(folder, 'q4.md'), 'utf8')).toMatch(/^# Drills/);
    expect(await readFile(join(folder, 'q4.html'), 'utf8')).toMatch(/^<!doctype html>/);
    expect((await readdir(folder)).toSorted()).toEqual(['q4.html', 'q4.md', 'state']);
  });

  test('take a form from a name, and refuse what is neither', () => {
    expect(filesOf('/a/b.html')).toEqual([{ path: '/a/b.html', form: '.html' }]);
    expect(filesOf('/a/b').map(({ path }) => path)).toEqual(['/a/b.md', '/a/b.html']);
    expect(() => filesOf('/a/b.pdf')).toThrow(expect.objectContaining({ code: 'UPL-USAGE' }));
  });

  test('count from a time ago or from a date', () => {
    const now = Date.UTC(2026, 10, 26);
    expect(sinceMs('90d', now)).toBe(now - 90 * 86_400_000);
    expect(sinceMs('2026-01-01', now)).toBe(Date.UTC(2026, 0, 1));
    expect(sinceMs('2026-01-01T06:30', now)).toBe(Date.UTC(2026, 0, 1, 6, 30));
    for (const text of ['yesterday', '2026-13-01', '5', ''])
      expect(() => sinceMs(text, now)).toThrow(expect.objectContaining({ code: 'UPL-USAGE' }));
  });
});

describe('drill run, before anything is touched', () => {
  const load = { drill: 'kafka-broker-loss', rate: 1, baseline: 1, seed: 1 };
  const input = { ...load, yes: true, allowNoLock: false };
  const nothingRan = async (): Promise<void> => expect(await readdir(stateDir)).not.toContain('runs');

  test('refuses in production without the name of who approved it', async () => {
    const config = await configWith('drills: { inProduction: true }\n');
    for (const asked of [input, { ...input, approver: ' ' }])
      await expect(runCommand(deps(config), asked)).rejects.toMatchObject({
        code: 'UPL-CONFIRMATION-NEEDED',
        exit: 15,
        next: 'uplift drill run kafka-broker-loss --approver <name>',
      });
    await nothingRan();
  });

  test('refuses a key that is absent or none, without a word of it', async () => {
    const config = await configWith('drills:\n  inProduction: true\n  signingKey: { env: DRILL_KEY }\n');
    for (const env of [{}, { DRILL_KEY: 'hunter2' }])
      await expect(runCommand(deps(config, env), { ...input, approver: 'Ada' })).rejects.toMatchObject({
        code: 'UPL-CONFIG-INVALID',
        message: expect.not.stringContaining('hunter2'),
      });
    await nothingRan();
  });

  test('keeps the public half of the key that it will sign with', async () => {
    const pem = pemOf();
    const config = await configWith('drills:\n  inProduction: true\n  signingKey: { env: DRILL_KEY }\n');
    // Nobody can type here, so it ends at the question; the key has been read by then.
    await expect(
      runCommand(deps(config, { DRILL_KEY: pem }), { ...input, approver: 'Ada' }),
    ).rejects.toMatchObject({
      code: 'UPL-CONFIRMATION-NEEDED',
      message: expect.stringContaining('terminal'),
    });
    const { keyId } = signingKeyOf(pem, 'x');
    expect(await readdir(join(stateDir, 'keys'))).toContain(`${keyId.slice(0, 16)}.pub`);
  });
});
