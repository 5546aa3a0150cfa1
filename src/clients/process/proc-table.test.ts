import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { descendantsOf, parseProcStat, parsePs, procEntry } from './proc-table.ts';

const statLine = (pid: number, name: string, state: string, parent: number, startTime: number): string =>
  `${pid} (${name}) ${state} ${parent} ${Array.from({ length: 17 }, () => '7').join(' ')} ${startTime} 99 98\n`;

describe('process table', () => {
  test('reads pid, parent, state and field 22 whatever the program calls itself', () => {
    const name = fc.string({ maxLength: 15 }).map((text) => text.replaceAll('\n', ' '));
    const number = fc.integer({ min: 2, max: 2 ** 31 });
    fc.assert(
      fc.property(
        number,
        name,
        number,
        number,
        fc.constantFrom('R', 'S', 'T'),
        (pid, comm, parent, start, state) => {
          const entry = parseProcStat(statLine(pid, comm, state, parent, start));
          expect(entry).toEqual({ pid, parentPid: parent, startTime: String(start), stopped: state === 'T' });
        },
      ),
    );
  });

  test('a zombie is not there any more', () => {
    expect(parseProcStat(statLine(10, 'java', 'Z', 1, 5))).toBeUndefined();
  });

  test('half a line is nothing', () => {
    expect(parseProcStat('12 (java) S 1')).toBeUndefined();
    expect(parseProcStat('')).toBeUndefined();
  });

  test('reads the ps of macOS, without zombies', () => {
    const text =
      '  501     1 Ss   Mon Nov 23 23:46:42 2026\n  502   501 T    Mon Nov 23 23:46:43 2026    \n  503   501 Z    Mon Nov 23 23:46:43 2026\n';
    expect(parsePs(text)).toEqual([
      { pid: 501, parentPid: 1, startTime: 'Mon Nov 23 23:46:42 2026', stopped: false },
      { pid: 502, parentPid: 501, startTime: 'Mon Nov 23 23:46:43 2026', stopped: true },
    ]);
  });

  test('finds this very process, as its parent does', async () => {
    const own = await procEntry(process.pid);
    expect(own).toMatchObject({ pid: process.pid, parentPid: process.ppid, stopped: false });
    expect((await descendantsOf(process.ppid)).map((entry) => entry.pid)).toContain(process.pid);
  });

  test('a pid that does not exist is undefined', async () => {
    expect(await procEntry(2 ** 22 + 12345)).toBeUndefined();
  });
});
