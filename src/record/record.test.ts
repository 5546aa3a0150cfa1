import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Json } from '../core/step.ts';
import type { AppendFile } from './append-file.ts';
import { type Entry, encodeLine, hashOf } from './envelope.ts';
import { CHAIN_START, createJournal } from './journal.ts';
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

describe('a journal', () => {
  it('holds one canonical, chained line per append and ends with a seal that is read-only', async () => {
    const bytes = await sample();
    const lines = bytes.toString().trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    const entries = lines.map((line) => JSON.parse(line) as Entry);
    expect(entries[0]?.prev).toBe('0'.repeat(64));
    expect(entries[1]?.prev).toBe(hashOf(Buffer.from(lines[0] ?? '')));
    expect(entries[0]?.monoNs).toBe('123456789012345678');
    expect(lines[0]?.startsWith('{"actor":"test","body":{"drill":')).toBe(true);
    const view = await readRecord(path);
    expect(view.status).toBe('sealed');
    expect(view.entries.map((entry) => entry.kind)).toEqual(['run.begun', 'step.intent']);
    expect(view.seal).toMatchObject({ count: 2, head: hashOf(Buffer.from(lines[1] ?? '')) });
    expect((await stat(path)).mode & 0o777).toBe(0o444);
  });

  it('refuses to overwrite a file that exists', async () => {
    await writeFile(path, 'mine');
    await expect(openJournal(path, options)).rejects.toMatchObject({ code: 'UPL-CANNOT-WRITE' });
    expect(await readFile(path, 'utf8')).toBe('mine');
  });

  it('refuses appends after the seal and after close', async () => {
    const journal = await openJournal(path, options);
    await journal.seal();
    await expect(journal.append('late', null)).rejects.toMatchObject({ code: 'UPL-CANNOT-WRITE' });
    await expect(resumeJournal(path, options)).rejects.toMatchObject({ code: 'UPL-INPUT-INVALID' });
  });

  it('keeps the order of appends made at once and has all of them on disk', async () => {
    const journal = await openJournal(path, options);
    await Promise.all(Array.from({ length: 300 }, (_, n) => journal.append('n', n)));
    await journal.seal();
    const view = await readRecord(path);
    expect(view.status).toBe('sealed');
    expect(view.entries.map((entry) => entry.body)).toEqual(Array.from({ length: 300 }, (_, n) => n));
  });

  it('takes an append made in the very turn in which the one before it resolved', async () => {
    const journal = await openJournal(path, options);
    for (let n = 0; n < 50; n += 1) await journal.append('n', n).then(() => journal.append('again', n));
    await journal.close();
    expect((await readRecord(path)).entries).toHaveLength(100);
  });

  it('is written by one process at a time, and a dead holder does not count', async () => {
    const journal = await openJournal(path, options);
    await expect(resumeJournal(path, options)).rejects.toMatchObject({ code: 'UPL-JOURNAL-HELD' });
    await journal.append('a', 1);
    await journal.close();
    await writeFile(
      `${path}.writer-7`,
      JSON.stringify({ pid: process.pid, startTime: 'another process with this pid' }),
    );
    const again = await resumeJournal(path, options);
    await again.seal();
    expect((await readRecord(path)).status).toBe('sealed');
  });

  it('of many who resume at once lets exactly one write', async () => {
    await sample(false);
    await writeFile(`${path}.writer-3`, JSON.stringify({ pid: 999_999_999, startTime: '1' }));
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => resumeJournal(path, options)));
    const won = tries.filter((one) => one.status === 'fulfilled');
    expect(won).toHaveLength(1);
    for (const one of won) await one.value.seal();
    expect((await readRecord(path)).status).toBe('sealed');
  });

  it('stores a lone surrogate as U+FFFD instead of failing the run', async () => {
    const journal = await openJournal(path, options);
    await journal.append('error', { message: 'cut \ud83d' });
    await journal.seal();
    expect((await readRecord(path)).entries[0]?.body).toEqual({ message: 'cut \ufffd' });
  });
});

interface FakeFile extends AppendFile {
  readonly events: string[];
}

function fakeFile(over: Partial<AppendFile> = {}): FakeFile {
  const events: string[] = [];
  const note = (name: string) => async (): Promise<void> => void events.push(name);
  return {
    events,
    append: async (bytes) => void events.push(`append ${bytes.filter((byte) => byte === 10).length}`),
    sync: note('sync'),
    truncate: note('truncate'),
    freeze: note('freeze'),
    close: note('close'),
    ...over,
  };
}

const noRelease = async (): Promise<void> => undefined;

describe('durability', () => {
  it('resolves an append only after the sync that covers it, and shares one sync among those that wait', async () => {
    const gate = Promise.withResolvers<void>();
    const file = fakeFile();
    let syncs = 0;
    const slow: AppendFile = {
      ...file,
      sync: async () => {
        syncs += 1;
        if (syncs === 1) await gate.promise;
        file.events.push('sync');
      },
    };
    const journal = createJournal('j', slow, options, CHAIN_START, noRelease);
    let resolved = 0;
    const all = [1, 2, 3, 4].map((n) => journal.append('n', n).then(() => void (resolved += 1)));
    await new Promise(setImmediate);
    expect(resolved).toBe(0);
    gate.resolve();
    await Promise.all(all);
    expect(file.events).toEqual(['append 1', 'sync', 'append 3', 'sync']);
  });

  it('turns a full disk into UPL-CANNOT-WRITE and refuses everything after it', async () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    let appends = 0;
    const file = fakeFile({
      append: async () => {
        appends += 1;
        if (appends === 2) throw full;
      },
    });
    const journal = createJournal('j', file, options, CHAIN_START, noRelease);
    await journal.append('ok', 1);
    const [second, third] = await Promise.allSettled([journal.append('n', 2), journal.append('n', 3)]);
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'UPL-CANNOT-WRITE', exit: 74 } });
    expect(third.status).toBe('rejected');
    await expect(journal.append('n', 4)).rejects.toMatchObject({ code: 'UPL-CANNOT-WRITE' });
    await expect(journal.seal()).rejects.toMatchObject({ code: 'UPL-CANNOT-WRITE' });
    expect(appends).toBe(2);
    await journal.close();
    expect(file.events).toContain('close');
  });

  it('does not report a seal that could not be synced', async () => {
    const file = fakeFile({ sync: () => Promise.reject(new Error('EIO')) });
    const journal = createJournal('j', file, options, CHAIN_START, noRelease);
    await expect(journal.seal()).rejects.toMatchObject({ code: 'UPL-CANNOT-WRITE' });
  });
});

describe('a record that somebody cut or altered', () => {
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
