import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownMark, removeOf, takeLock } from './start-lock.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'uplift-lock-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** The mark of a process that is gone: this pid belonged to it before it belonged to us. */
const GONE = `${process.pid} of-long-ago`;
const take = (file: string) => takeLock(file, { what: 'the lock', timeoutMs: 5000 });

describe('a lock whose holder died', () => {
  it('is taken by one of many waiters at a time, and nothing is left of it', async () => {
    const file = join(dir, 'lock');
    await writeFile(file, GONE);
    let [holders, most] = [0, 0];
    const waiters = Array.from({ length: 8 }, async () => {
      const giveBack = await take(file);
      holders += 1;
      most = Math.max(most, holders);
      await readFile(file, 'utf8');
      holders -= 1;
      await giveBack();
    });
    await Promise.all(waiters);
    expect(most).toBe(1);
    expect(await readdir(dir)).toEqual([]);
  });

  it('is not taken from a second waiter by a first one that saw the dead holder and acts only now', async () => {
    const file = join(dir, 'lock');
    await writeFile(file, GONE);
    const giveBack = await take(file);
    await removeOf(file, GONE, await ownMark());
    expect(await readFile(file, 'utf8')).toBe(await ownMark());
    await giveBack();
    expect(await readdir(dir)).toEqual([]);
  });

  it('is left alone while somebody who lives is about to remove it', async () => {
    const file = join(dir, 'lock');
    const right = `${file}.of-${GONE.replace(' ', '-')}`;
    await writeFile(file, GONE);
    await writeFile(right, await ownMark());
    await removeOf(file, GONE, await ownMark());
    expect(await readFile(file, 'utf8')).toBe(GONE);
    // He died with it.
    await writeFile(right, `${process.pid} of-yesterday`);
    await (await take(file))();
    expect(await readdir(dir)).toEqual([]);
  });
});
