import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { openJournal, readRecord, resumeJournal } from './open.ts';
import { claimWriter } from './writer-claim.ts';

const DB1 = { host: 'db-1', machine: 'a' };
const DB2 = { host: 'db-2', machine: 'b' };

let dir = '';
let path = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'uplift-claim-'));
  path = join(dir, 'journal.ndjson');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** As it stands there when its host died. */
function deadClaim(holder: object, number = 1): Promise<void> {
  return writeFile(`${path}.writer-${number}`, JSON.stringify(holder));
}

describe('a claim of another host', () => {
  it('stands whatever its pid means here: that process may live, or none of that number', async () => {
    for (const pid of [process.pid, 2 ** 22 + 1]) {
      await deadClaim({ pid, startTime: '1', ...DB1 });
      await writeFile(path, '');
      await utimes(path, new Date(), new Date(Date.now() - 41_000));
      await expect(claimWriter(path, { here: DB2 })).rejects.toMatchObject({
        ...{ code: 'UPL-JOURNAL-HELD', exit: 15 },
        message: `Process ${pid} on db-1 claims ${path}; whether it still runs cannot be told from here. Its last line is 41 s old.`,
        next: 'the same command with --take-over db-1, once it is certain that it runs no more',
      });
    }
    expect(await readdir(dir)).toHaveLength(2);
  });

  it('is passed over by whoever names that host, and no other', async () => {
    await deadClaim({ pid: 77, startTime: '1', ...DB1 });
    await expect(claimWriter(path, { here: DB2, takeOver: 'db-3' })).rejects.toMatchObject({
      code: 'UPL-JOURNAL-HELD',
    });
    const claim = await claimWriter(path, { here: DB2, takeOver: 'db-1' });
    expect(claim.takenOverFrom).toBe('db-1');
    expect(await readdir(dir)).toEqual(['journal.ndjson.writer-2']);
    await claim.release();
    expect(await readdir(dir)).toEqual([]);
  });

  it('counts also where two machines have the same name, or two containers one', async () => {
    await deadClaim({ pid: 77, startTime: '1', ...DB1 });
    const namesake = { host: 'db-1', machine: 'c' };
    await expect(claimWriter(path, { here: namesake })).rejects.toMatchObject({ code: 'UPL-JOURNAL-HELD' });
  });

  it('once passed over is no right to write any more', async () => {
    const first = await claimWriter(path, { here: DB1 });
    await first.require();
    await claimWriter(path, { here: DB2, takeOver: 'db-1' });
    await expect(first.require()).rejects.toMatchObject({
      code: 'UPL-CANNOT-WRITE',
      message: `The journal ${path} cannot be written: another process took it over.`,
    });
  });
});

describe('a claim of this host', () => {
  it('is passed over where its process is gone, also one from before claims named a host', async () => {
    for (const place of [DB1, {}]) {
      await deadClaim({ pid: 2 ** 22 + 1, startTime: '1', ...place });
      const claim = await claimWriter(path, { here: DB1 });
      expect(claim.takenOverFrom).toBeUndefined();
      await claim.release();
    }
  });

  it('stands while its process lives, whichever host is named', async () => {
    const claim = await claimWriter(path);
    await expect(claimWriter(path, { takeOver: 'db-1' })).rejects.toMatchObject({ code: 'UPL-JOURNAL-HELD' });
    await claim.release();
  });
});

describe('a journal that was taken over', () => {
  it('says from whom, and takes no line of its first writer any more', async () => {
    const options = { runId: 'r', actor: 'test', clock: systemClock };
    const first = await openJournal(path, options);
    await first.append('a', null);
    // The first writer is on another host, as far as the second can see.
    const [claim = ''] = (await readdir(dir)).filter((name) => name.includes('writer'));
    await writeFile(join(dir, claim), JSON.stringify({ pid: process.pid, startTime: '1', ...DB1 }));
    await expect(resumeJournal(path, options)).rejects.toMatchObject({ code: 'UPL-JOURNAL-HELD' });
    const second = await resumeJournal(path, { ...options, takeOver: 'db-1' });
    await expect(first.append('b', null)).rejects.toMatchObject({ code: 'UPL-CANNOT-WRITE' });
    await second.append('c', null);
    await second.seal();
    await first.close();
    const { status, problems, entries } = await readRecord(path);
    expect({ status, problems }).toEqual({ status: 'sealed', problems: [] });
    expect(entries.map(({ kind }) => kind)).toEqual(['a', 'journal.resumed', 'c']);
    expect(entries[1]?.body).toMatchObject({ takenOverFrom: 'db-1' });
  });
});
