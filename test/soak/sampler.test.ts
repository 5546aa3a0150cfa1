import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open as openFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { procEntry } from '../../src/clients/process/proc-table.ts';
import { cachedOf, look, residentOf, titleOf, type Watched } from './sampler.ts';

async function watchedAs(pid: number): Promise<Watched> {
  const startTime = (await procEntry(pid))?.startTime ?? '';
  return { unit: 'self', kind: 'load', name: 'self', pid, startTime };
}

describe('a look at a process', () => {
  it('sees the memory and the handles of this one', async () => {
    const sample = await look(await watchedAs(process.pid), 5);
    expect(sample).toMatchObject({ unit: 'self', atMs: 5 });
    expect(sample?.residentBytes).toBeGreaterThan(20_000_000);
    expect(sample?.handles).toBeGreaterThan(3);
  });

  it('sees nothing of one that ended, and nothing of another that has its pid now', async () => {
    const child = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' });
    await once(child, 'exit');
    expect(await look(await watchedAs(child.pid ?? 0), 0)).toBeUndefined();
    const own = await watchedAs(process.pid);
    expect(await look({ ...own, startTime: '1' }, 0)).toBeUndefined();
  });
});

describe('what the kernel says', () => {
  it('is read from /proc/PID/status; a zombie has no memory; of Postgres the shared block is left out', () => {
    const status = 'Name:\tnode\nVmPeak:\t  9 kB\nVmRSS:\t  120 kB\nRssAnon:\t 4 kB\nRssShmem:\t  20 kB\n';
    expect(residentOf('gateway', status)).toBe(122_880);
    expect(residentOf('postgres', status)).toBe(102_400);
    expect(residentOf('gateway', 'Name:\tnode\nState:\tZ (zombie)\n')).toBeUndefined();
  });

  it('tells the files of tables that a Postgres process keeps open from its other handles', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'soak-'));
    const names = ['base/16384', 'global', 'pg_wal'];
    for (const name of names) await mkdir(join(folder, name), { recursive: true });
    const files = ['base/16384/2601', 'base/16384/16400_vm', 'base/16384/16400.1', 'global/1260', 'pg_wal/1'];
    const before = await look({ ...(await watchedAs(process.pid)), kind: 'postgres' }, 0);
    const open = await Promise.all(files.map((name) => openFile(join(folder, name), 'w')));
    const after = await look({ ...(await watchedAs(process.pid)), kind: 'postgres' }, 0);
    await Promise.all(open.map((file) => file.close()));
    await rm(folder, { recursive: true });
    expect((after?.cached ?? 0) - (before?.cached ?? 0)).toBe(4);
    expect((after?.handles ?? 0) - (before?.handles ?? 0)).toBe(1);
  });

  it('tells the segments that a broker rolls and compacts from its other handles, but not a file nobody can reach', () => {
    const log = '/k/reservations.snapshots-3';
    const one = [`${log}/00000000000000000000.log`, '/k/other-3/00000000000000000000.log', 'socket:[1]'];
    expect(cachedOf('kafka', one)).toBe(0);
    const rolled = [...one, `${log}/00000000000000000120.log`, `${log}/00000000000000000060.log.deleted`];
    expect(cachedOf('kafka', rolled)).toBe(2);
    expect(cachedOf('kafka', [...rolled, `${log}/00000000000000000030.log.deleted (deleted)`])).toBe(2);
    expect(cachedOf('gateway', rolled)).toBe(0);
  });

  it.each([
    ['postgres: uplift soak az-a: walwriter \0', 'walwriter'],
    [
      'postgres: uplift soak az-a: walsender replicator 127.0.0.1(50122) streaming 0/3000148\0',
      'walsender replicator',
    ],
    ['postgres: uplift soak az-a: uplift uplift 127.0.0.1(50120) idle\0\0', 'uplift uplift'],
    ['postgres: uplift soak az-b: startup recovering 00000001000000\0', 'startup'],
    ['postgres: uplift soak az-b: walreceiver streaming 0/3000148\0', 'walreceiver'],
    ['postgres: checkpointer ', 'checkpointer'],
    ['/usr/bin/redis-server\0--port\0', '/usr/bin/redis-server --port'],
  ])('names a process by what it is, not by what it does: %j', (cmdline, title) => {
    expect(titleOf(cmdline)).toBe(title);
  });
});
