import { readFile } from 'node:fs/promises';
import { loadavg } from 'node:os';

/** Linux counts CPU time in ticks of 10 ms (USER_HZ), whatever its timer. */
const TICK_MS = 10;

/** CPU time of a process so far, user and system, all of its threads. Linux only. */
export async function cpuMsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name of the program may hold spaces and brackets: count from the last bracket. utime and stime are fields 14, 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

export const load = (): number => loadavg()[0] ?? 0;
