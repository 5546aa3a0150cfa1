import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { journalFolderTrouble } from './journal-folder.ts';
import { liftStop, orderStop, readStop, STOP_FILE, type StopOrder, whyStopped } from './stop.ts';

const ADA: StopOrder = { by: 'ada', host: 'ops-1', at: '2026-11-26T14:03:11.204Z', reason: 'incident 4711' };
const BOB: StopOrder = { by: 'bob', host: 'ops-2', at: '2026-11-26T14:05:00.000Z', reason: null };
const STRICT = { mayBeAbsent: false };

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'uplift-stop-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('the stop switch', () => {
  it('keeps every order, and tells of the newest first', async () => {
    expect(await readStop(dir, STRICT)).toEqual({ kind: 'allowed' });
    await orderStop(dir, ADA, { make: false });
    await orderStop(dir, BOB, { make: false });
    const state = await readStop(dir, STRICT);
    expect(state).toEqual({ kind: 'stopped', orders: [ADA, BOB] });
    expect(whyStopped(state)).toBe(
      'drills are stopped by bob on ops-2 at 2026-11-26T14:05:00.000Z; by ada on ops-1 at 2026-11-26T14:03:11.204Z: incident 4711',
    );
    await liftStop(dir);
    await liftStop(dir);
    expect(await readStop(dir, STRICT)).toEqual({ kind: 'allowed' });
    expect(await readdir(dir)).toEqual([]);
  });

  it('is on for a file that says nothing, or says it badly', async () => {
    for (const text of ['', '{"by":"ada', 'stop!\n{}\nnull\n']) {
      await writeFile(join(dir, STOP_FILE), text);
      const state = await readStop(dir, STRICT);
      expect(state).toEqual({ kind: 'stopped', orders: [] });
      expect(whyStopped(state)).toBe('drills are stopped by a file that does not say by whom');
    }
  });

  it('is not known where it cannot be read: no permission', async () => {
    await mkdir(join(dir, STOP_FILE));
    expect(await readStop(dir, STRICT)).toMatchObject({
      kind: 'unknown',
      why: expect.stringContaining('EISDIR'),
    });
  });

  it('is not known in a folder that is not there, unless that may be', async () => {
    const away = join(dir, 'not', 'mounted');
    expect(await readStop(away, STRICT)).toEqual({
      kind: 'unknown',
      why: `${away} is not there: is it mounted?`,
    });
    expect(await readStop(away, { mayBeAbsent: true })).toEqual({ kind: 'allowed' });
  });

  it('makes the folder where it is told to, and says what to type where it cannot', async () => {
    const state = join(dir, 'state');
    await expect(orderStop(state, ADA, { make: false })).rejects.toMatchObject({
      ...{ code: 'UPL-CANNOT-WRITE', exit: 74 },
      next: `touch ${join(state, STOP_FILE)}`,
    });
    await orderStop(state, ADA, { make: true });
    expect(await readStop(state, STRICT)).toMatchObject({ kind: 'stopped' });
  });
});

describe('a journal folder', () => {
  it('is tried out and left as it was', async () => {
    expect(await journalFolderTrouble(dir)).toBeUndefined();
    expect(await readdir(dir)).toEqual([]);
  });

  it('that is not there is never made', async () => {
    const away = join(dir, 'away');
    expect(await journalFolderTrouble(away)).toContain('ENOENT');
    expect(await readdir(dir)).toEqual([]);
  });

  it('that is a file, or takes none, is none', async () => {
    const file = join(dir, 'file');
    await writeFile(file, '');
    expect(await journalFolderTrouble(file)).toBe(`${file} is no folder`);
    expect(await journalFolderTrouble('/proc/self')).toMatch(/EACCES|ENOENT|EPERM/);
    const closed = join(dir, 'closed');
    await mkdir(closed);
    await chmod(closed, 0o555);
    // Root writes everywhere.
    if (process.getuid?.() !== 0) expect(await journalFolderTrouble(closed)).toContain('EACCES');
  });
});
