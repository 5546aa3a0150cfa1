import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import canonicalize from 'canonicalize';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Entry, type SealBody, sealEntry } from '../../record/envelope.ts';
import { ownSigningKey } from '../../record/keys.ts';
import type { RunFolder } from '../run-folder.ts';
import { sampleRun } from './testing/record-fixture.ts';

/** The commands of docs/drills.md, as they stand there: whoever types them sees what we see. */
const DOCS = readFileSync(new URL('../../../docs/drills.md', import.meta.url), 'utf8');
const [READING = '', CHECK = ''] = [...DOCS.matchAll(/```sh\n(.*?)```/gs)].map(([, text]) => text);
const RUN = '01a21558-599f-77f4-bbf0-a44a24836f27';

let stateDir = '';
let folder: RunFolder;
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'by-hand-'));
  folder = await sampleRun(stateDir, RUN, await ownSigningKey(stateDir), {
    ...{ approver: 'a "quoted" name', probeLost: 0 },
  });
  await chmod(folder.journal, 0o644);
});
afterEach(() => rm(stateDir, { recursive: true, force: true }));

interface Said {
  readonly code: number;
  readonly out: string;
}

async function typed(script: string, args: readonly string[], cwd: string): Promise<Said> {
  const file = join(stateDir, 'script.sh');
  await writeFile(file, script);
  return promisify(execFile)('sh', [file, ...args], { cwd, timeout: 20_000 }).then(
    ({ stdout }) => ({ code: 0, out: stdout }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      out: `${error.stdout}${error.stderr}`,
    }),
  );
}

const check = (key = join(stateDir, 'keys', 'drill-record.pub')): Promise<Said> =>
  typed(CHECK, [folder.dir, key], stateDir);

async function rewritten(path: string, change: (text: string) => string): Promise<void> {
  const before = await readFile(path, 'utf8');
  const after = change(before);
  expect(after).not.toBe(before);
  await writeFile(path, after);
}

describe('a record that is checked without uplift, as the docs say', () => {
  test('fits, and names the key', async () => {
    const { keyId } = await ownSigningKey(stateDir);
    const { code, out } = await check();
    expect(out).toContain('Signature Verified Successfully');
    expect(out).toContain('journal.ndjson: OK');
    expect(out).toContain('history.ndjson: OK');
    expect(out).toContain('probe.ndjson: OK');
    expect(out.trimEnd()).toMatch(new RegExp(`signed by ${keyId}$`));
    expect(code).toBe(0);
  });

  test.each<[string, (run: RunFolder) => Promise<void>]>([
    ['an altered line', (run) => rewritten(run.journal, (text) => text.replace('"held"', '"HELD"'))],
    ['a line taken away', (run) => rewritten(run.journal, (text) => text.slice(text.indexOf('\n') + 1))],
    ['an altered history', (run) => rewritten(run.history, (text) => text.replace('"op":9,', '"op":8,'))],
    ['an altered store probe', (run) => rewritten(run.probe, (text) => text.replace('ok', 'OK'))],
    ['a missing store probe', (run) => rm(run.probe)],
    ['a missing history', (run) => rm(run.history)],
    ['a longer history', (run) => rewritten(run.history, (text) => `${text}\n`)],
    [
      'a cut tail',
      (run) => rewritten(run.journal, (text) => text.trimEnd().split('\n').slice(0, -1).join('\n')),
    ],
    [
      'a last line that was sealed again with another time',
      (run) =>
        rewritten(run.journal, (text) => {
          const lines = text.trimEnd().split('\n');
          const seal = JSON.parse(lines.at(-1) ?? '') as Entry;
          const { dsse } = seal.body as unknown as SealBody;
          lines[lines.length - 1] =
            canonicalize(sealEntry({ ...seal, wall: '2020-01-01T00:00:00.000Z' }, dsse)) ?? '';
          return `${lines.join('\n')}\n`;
        }),
    ],
  ])('does not fit with %s', async (_, spoil) => {
    await spoil(folder);
    const { code, out } = await check();
    expect(code, out).not.toBe(0);
    expect(out).not.toContain('signed by');
  });

  test('does not fit another key', async () => {
    const path = join(stateDir, 'other.pub');
    await writeFile(path, generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }));
    expect((await check(path)).code).not.toBe(0);
  });

  test('can be read with jq: lines, phases on one clock, and what was signed', async () => {
    expect(READING).toContain('jq -r');
    // No part of the set-up: a machine without it has nothing to try.
    if ((await typed('command -v jq', [], folder.dir)).code !== 0) return;
    const { code, out } = await typed(READING, [], folder.dir);
    expect(code, out).toBe(0);
    expect(out).toMatch(/^0\t2026-11-26T09:00:00\.000Z\tdrill\.context\n/);
    expect(out).toContain('9.5\tphase.begun\tfault\n');
    expect(out).toContain('"approver": "a \\"quoted\\" name"');
    expect(out).toContain('"hypothesis": "held"');
  });
});
