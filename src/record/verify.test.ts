import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Json } from '../core/step.ts';
import { type Entry, encodeLine, hashOf } from './envelope.ts';
import { openJournal, readRecord, resumeJournal } from './open.ts';
import { verifyRecord } from './verify.ts';

const RUN = '0194c2f0-0000-7000-8000-000000000001';
const clock = { nowMs: () => 1_763_900_000_000, monoNs: () => 123_456_789_012_345_678n };
const options = { runId: RUN, actor: 'test', clock };
let folder = '';
let path = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'record-'));
  path = join(folder, 'journal.ndjson');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function sample(seal = true): Promise<Uint8Array> {
  const journal = await openJournal(path, options);
  await journal.append('run.begun', { drill: 'kafka-broker-loss', rate: 200 });
  await journal.append('step.intent', {
    text: 'Zürich → 東京 𝄞',
    nested: [{ b: 1, a: [null, true, 1.5e-7] }],
  });
  if (seal) await journal.seal();
  else await journal.close();
  return readFile(path);
}

describe('a record that somebody cut or altered', { timeout: 60_000 }, () => {
  it('cut at any byte is a valid prefix and never sealed', async () => {
    const bytes = await sample();
    const whole = verifyRecord(bytes);
    for (let at = 0; at < bytes.length; at += 1) {
      const view = verifyRecord(bytes.subarray(0, at));
      expect(view.status, `cut at ${at}`).toBe('unsealed');
      expect(view.entries).toEqual(whole.entries.slice(0, view.entries.length));
      expect(view.validBytes + view.tornBytes).toBe(at);
    }
  });

  it('with any one byte changed is never sealed', async () => {
    const bytes = await sample();
    for (let at = 0; at < bytes.length; at += 1) {
      for (const mask of [0x01, 0x02, 0x20, 0x80, 0xff]) {
        const altered = Uint8Array.from(bytes);
        altered[at] = (altered[at] ?? 0) ^ mask;
        expect(verifyRecord(altered).status, `byte ${at} ^ ${mask}`).not.toBe('sealed');
      }
    }
  });

  it('with a line taken away, doubled, moved or added is never sealed', async () => {
    const lines = (await sample()).toString().trimEnd().split('\n');
    const [a = '', b = '', seal = ''] = lines;
    const made = [
      [b, seal],
      [a, seal],
      [a, a, b, seal],
      [b, a, seal],
      [a, b, seal, seal],
      [a, b, seal, a],
      [seal],
    ];
    for (const variant of made) {
      const { status, problems } = verifyRecord(Buffer.from(`${variant.join('\n')}\n`));
      expect(status).toBe('broken');
      expect(problems).toHaveLength(1);
    }
  });

  it('with the same values written differently is never sealed, also in the seal, which no later line covers', async () => {
    const lines = (await sample()).toString().trimEnd().split('\n');
    for (const at of lines.keys()) {
      for (const rewrite of [
        (t: string) => t.replace('{', '{ '),
        (t: string) => t.replace('{"actor":"test"', '{"actor":"x","actor":"test"'),
      ]) {
        const altered = lines.map((line, n) => (n === at ? rewrite(line) : line));
        expect(altered).not.toEqual(lines);
        expect(verifyRecord(Buffer.from(`${altered.join('\n')}\n`)).status).toBe('broken');
      }
    }
  });

  it('that ends in zeros of a file system counts as torn, not as altered', async () => {
    const bytes = Buffer.concat([await sample(false), Buffer.alloc(512)]);
    expect(verifyRecord(bytes)).toMatchObject({ status: 'unsealed', tornBytes: 512 });
  });

  it('resumes after a cut at every byte with a valid prefix, and says what it cut off', async () => {
    const bytes = await sample(false);
    for (let at = 0; at <= bytes.length; at += 1) {
      await rm(path, { force: true });
      await writeFile(path, bytes.subarray(0, at));
      const before = verifyRecord(bytes.subarray(0, at));
      const journal = await resumeJournal(path, options);
      await journal.append('after', at);
      await journal.seal();
      const view = await readRecord(path);
      expect(view.status, `cut at ${at}`).toBe('sealed');
      const kept = before.entries.length;
      expect(view.entries.slice(0, kept)).toEqual(before.entries);
      expect(view.entries.slice(kept).map(({ kind }) => kind)).toEqual(['journal.resumed', 'after']);
      expect(view.entries[kept]?.body).toMatchObject({ tornBytes: before.tornBytes });
      await chmod(path, 0o644);
    }
  });

  it('with a changed line in the middle is not resumed', async () => {
    const bytes = await sample(false);
    bytes[20] = (bytes[20] ?? 0) ^ 1;
    await writeFile(path, bytes);
    await expect(resumeJournal(path, options)).rejects.toMatchObject({ code: 'UPL-INPUT-INVALID' });
    expect(await readFile(path)).toEqual(bytes);
  });

  it('verifies for any JSON body, and any shortened or extended copy does not', () => {
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue(), { maxLength: 5 }),
        fc.nat(),
        fc.uint8Array({ minLength: 1, maxLength: 8 }),
        (bodies, cut, tail) => {
          const bytes = recordOf(bodies as Json[]);
          expect(verifyRecord(bytes).status).toBe('sealed');
          expect(verifyRecord(bytes.subarray(0, cut % bytes.length)).status).not.toBe('sealed');
          expect(verifyRecord(Buffer.concat([bytes, tail])).status).not.toBe('sealed');
        },
      ),
    );
  });

  it('is of the run that was asked for, or broken at its first line, which may be its seal', () => {
    for (const bytes of [recordOf([1, 2]), recordOf([])]) {
      expect(verifyRecord(bytes, RUN).status).toBe('sealed');
      expect(verifyRecord(bytes, `${RUN}0`)).toMatchObject({
        status: 'broken',
        entries: [],
        problems: [{ line: 1, message: `The line belongs to run ${RUN}, not to ${RUN}0.` }],
      });
    }
  });
});

/** The writer's format written down a second time, by hand, as a reader of the docs would. */
function recordOf(bodies: readonly Json[]): Uint8Array {
  let prev = '0'.repeat(64);
  const lines: string[] = [];
  const entry = (seq: number, kind: string, body: Json): Entry => ({
    v: 1,
    runId: RUN,
    seq,
    prev,
    wall: '2025-01-01T00:00:00.000Z',
    monoNs: '1',
    actor: 'a',
    kind,
    body,
  });
  const push = (one: Entry): void => {
    const text = Buffer.from(encodeLine(one)).toString();
    lines.push(text);
    prev = hashOf(Buffer.from(text));
  };
  for (const [seq, body] of bodies.entries()) push(entry(seq, 'k', body));
  const open = entry(bodies.length, 'seal', { count: bodies.length, head: prev, self: '' });
  push({ ...open, body: { count: bodies.length, head: prev, self: hashOf(encodeLine(open)) } });
  return Buffer.from(lines.map((line) => `${line}\n`).join(''));
}
