import { join, resolve } from 'node:path';
import { UpliftError } from '../../core/error.ts';
import type { Deps } from '../../deps.ts';

/** Where sandboxes live: --state-dir, or `.uplift` in the working folder. Always absolute: unit files outlive the shell. */
export function stateDirOf(deps: Pick<Deps, 'globals' | 'cwd'>): string {
  return resolve(deps.cwd, deps.globals.stateDir ?? join(deps.cwd, '.uplift'));
}

/** A whole number given as a flag, or UPL-USAGE naming the flag. */
export function wholeNumber(flag: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UpliftError('UPL-USAGE', { message: `${flag} wants a whole number, not "${text}".` });
}

/** How to name this sandbox in a command to type next. */
export function nameFlag(name: string): string {
  return name === 'demo' ? '' : ` --name ${name}`;
}
