import { createHash } from 'node:crypto';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';

/** Where a process id has its meaning. */
export interface Place {
  readonly host: string;
  /** Machine and, on Linux, namespace of process ids: containers of one machine have different ones. */
  readonly machine: string;
}

/** Two machines may share a name, and two containers a machine. */
export async function placeOfThisProcess(): Promise<Place> {
  const id = await readFile('/etc/machine-id', 'utf8').catch(() => '');
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '');
  // machine-id(5) asks not to show the id itself.
  const machine = createHash('sha256').update(`${id.trim()} ${namespace}`).digest('hex').slice(0, 16);
  return { host: hostname(), machine };
}

/** Whether what was written down is of this place; what names none is from before places were written. */
export function isOf(
  here: Place,
  { host, machine }: { readonly host?: string | undefined; readonly machine?: string | undefined },
): boolean {
  return host === undefined || (host === here.host && machine === here.machine);
}
