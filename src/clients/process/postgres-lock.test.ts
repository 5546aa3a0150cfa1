import { describe, expect, test } from 'vitest';
import { attachedTo, parsePidFile } from './postgres-lock.ts';

const PID_FILE =
  '22850\n/data/postgres-az-a\n1795477602\n20454\n\n127.0.0.1\n  10291074         6\nready   \n';
const PROC = `       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap
  10291074          6   600                    56 22850 24160      ATT 65534 65534 65534 65534 1795477646 1795477646 1795477602                  4096                     0
`;

describe('lock of a killed Postgres', () => {
  test('pid, key and id stand in lines 1 and 7 of postmaster.pid', () => {
    expect(parsePidFile(PID_FILE)).toEqual({ pid: 22850, key: 10291074, id: 6 });
    expect(parsePidFile('')).toBeUndefined();
    expect(parsePidFile('22850\n/data\n')).toBeUndefined();
  });

  test('a segment counts as left over only when nobody is attached and both key and id are the recorded ones', () => {
    const table = (attached: number): string => PROC.replace('ATT', String(attached));
    expect(attachedTo(table(0), { key: 10291074, id: 6 })).toBe(0);
    expect(attachedTo(table(1), { key: 10291074, id: 6 })).toBe(1);
    expect(attachedTo(table(0), { key: 10291074, id: 7 })).toBeUndefined();
    expect(attachedTo(table(0), { key: 10291075, id: 6 })).toBeUndefined();
    expect(attachedTo('', { key: 10291074, id: 6 })).toBeUndefined();
  });

  test('reads the ipcs of macOS too', () => {
    const table =
      'IPC status\nT     ID     KEY        MODE       OWNER    GROUP NATTCH\nm  65536 0x009d0782 --rw-------     anna    staff      0\n';
    expect(attachedTo(table, { key: 0x009d0782, id: 65536 })).toBe(0);
  });
});
