import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { UpliftError } from '../core/error.ts';

export const CONFIG_NAME = 'uplift.yaml';
export const STATE_DIR_NAME = '.uplift';

export interface FindConfigInput {
  /** `--config`. */
  readonly flag?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Configurations of the sandboxes that exist, see `sandboxConfigsIn`. */
  readonly sandboxConfigs: readonly string[];
  readonly exists?: (path: string) => boolean;
}

/**
 * Path of the configuration in force: --config, UPLIFT_CONFIG, ./uplift.yaml, or that of the one sandbox. Throws
 * UPL-CONFIG-MISSING; several sandboxes are never chosen between.
 */
export function findConfigFile(input: FindConfigInput): string {
  const exists = input.exists ?? existsSync;
  const { UPLIFT_CONFIG } = input.env;
  if (input.flag !== undefined) return named(input.flag, '--config', input.cwd, exists);
  if (UPLIFT_CONFIG !== undefined && UPLIFT_CONFIG !== '')
    return named(UPLIFT_CONFIG, 'UPLIFT_CONFIG', input.cwd, exists);
  const here = resolve(input.cwd, CONFIG_NAME);
  if (exists(here)) return here;
  const [only, ...others] = input.sandboxConfigs;
  if (only !== undefined && others.length === 0) return only;
  if (only !== undefined) {
    throw new UpliftError('UPL-CONFIG-MISSING', {
      message: `There is no ${CONFIG_NAME} here, and ${input.sandboxConfigs.length} sandboxes to choose from.`,
      next: input.sandboxConfigs.map((path) => `--config ${path}`).join('\n'),
    });
  }
  throw new UpliftError('UPL-CONFIG-MISSING', {
    message: `There is no ${CONFIG_NAME} in ${input.cwd} and no sandbox.`,
    next: 'uplift sandbox up    (a platform to try things on)\nuplift init          (for a platform of your own)',
  });
}

function named(path: string, by: string, cwd: string, exists: (path: string) => boolean): string {
  const full = resolve(cwd, path);
  if (exists(full)) return full;
  throw new UpliftError('UPL-CONFIG-MISSING', {
    message: `${by} names ${path}, which does not exist.`,
    next: `uplift init ${path}`,
  });
}

/** `uplift.yaml` of every sandbox under a state folder; none where the folder does not exist. */
export function sandboxConfigsIn(stateDir: string): string[] {
  const folder = join(stateDir, 'sandbox');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map((name) => join(folder, name, CONFIG_NAME))
    .filter((path) => existsSync(path))
    .toSorted();
}

export interface StateDirInput {
  readonly flag?: string | undefined;
  readonly cwd: string;
  readonly configFile?: string | undefined;
}

/**
 * Where runs and sandboxes live: --state-dir, or `.uplift` beside uplift.yaml, or in the working folder. The
 * configuration of a sandbox lies inside the state folder itself (`<state>/sandbox/<name>/uplift.yaml`).
 */
export function stateDirFor(input: StateDirInput): string {
  if (input.flag !== undefined) return resolve(input.cwd, input.flag);
  if (input.configFile === undefined) return resolve(input.cwd, STATE_DIR_NAME);
  const folder = dirname(resolve(input.cwd, input.configFile));
  const sandboxes = dirname(folder);
  return basename(sandboxes) === 'sandbox' ? dirname(sandboxes) : join(folder, STATE_DIR_NAME);
}
