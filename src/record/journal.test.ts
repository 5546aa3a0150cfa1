import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AppendFile } from './append-file.ts';
import { type Entry, hashOf } from './envelope.ts';
import { chainStart, createJournal } from './journal.ts';
import { openJournal, readRecord, resumeJournal } from './open.ts';

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

const noClaim = { release: async () => undefined, require: async () => undefined };

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
    const journal = createJournal('j', slow, options, chainStart(), noClaim);
    let resolved = 0;
    const all = [1, 2, 3, 4].map(async (n) => {
      await journal.append('n', n);
      resolved += 1;
    });
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
    const journal = createJournal('j', file, options, chainStart(), noClaim);
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
    const journal = createJournal('j', file, options, chainStart(), noClaim);
    await expect(journal.seal()).rejects.toMatchObject({ code: 'UPL-CANNOT-WRITE' });
  });
});
