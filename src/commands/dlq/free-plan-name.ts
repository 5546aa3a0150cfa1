import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Deps } from '../../deps.ts';
import { freeName } from '../../record/plan-file.ts';

/** A name for a replay plan that is not taken in the working folder: what is suggested has to work as it stands. */
export function freePlanName({ cwd }: Pick<Deps, 'cwd'>): string {
  return freeName('replay.plan.json', (name) => existsSync(resolve(cwd, name)));
}
