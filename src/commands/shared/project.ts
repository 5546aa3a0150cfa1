import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { findConfigFile, sandboxConfigsIn, stateDirFor } from '../../config/find.ts';
import { type Config, type FullConfig, loadConfig } from '../../config/load.ts';
import type { SecretRef } from '../../config/regions.ts';
import { resolveSecret } from '../../config/secret.ts';
import { isUpliftError, reasonOf, UpliftError } from '../../core/error.ts';
import type { Deps } from '../../deps.ts';
import { SECTIONS } from './sections.ts';

/** The configuration in force with every capability's section, and the folders its runs belong in. */
export interface Project {
  readonly configFile: string;
  readonly stateDir: string;
  /** Where drills keep their runs and the stop switch: `drills.journalDir`, or the state folder. */
  readonly journalDir: string;
  readonly config: Config<FullConfig<typeof SECTIONS>>;
}

/**
 * Finds and loads uplift.yaml for a command. Throws UPL-CONFIG-MISSING or UPL-CONFIG-INVALID (78) before anything
 * has been touched.
 */
export async function openProject(deps: Pick<Deps, 'cwd' | 'env' | 'globals'>): Promise<Project> {
  const { cwd, env, globals } = deps;
  const outerState = stateDirFor({ flag: globals.stateDir, cwd });
  const configFile = findConfigFile({
    flag: globals.config,
    env,
    cwd,
    sandboxConfigs: sandboxConfigsIn(outerState),
  });
  const text = await readFile(configFile, 'utf8').catch((error: unknown) => {
    throw new UpliftError('UPL-CONFIG-MISSING', {
      message: `${configFile} cannot be read: ${reasonOf(error)}.`,
      cause: error,
    });
  });
  const stateDir = stateDirFor({ flag: globals.stateDir, cwd, configFile });
  const config = loadConfig({ file: shownPath(configFile, cwd), text, env, sections: SECTIONS });
  const { journalDir } = config.value.drills;
  return {
    ...{ configFile, stateDir, config },
    journalDir: journalDir === undefined ? stateDir : resolve(dirname(configFile), journalDir),
  };
}

export type RunFolders = Pick<Project, 'stateDir' | 'journalDir'>;

/** Where the runs of a project stand; a record can be read where its platform and its configuration are gone. */
export async function foldersOfRuns(deps: Pick<Deps, 'cwd' | 'env' | 'globals'>): Promise<RunFolders> {
  const { cwd, globals } = deps;
  try {
    return await openProject(deps);
  } catch (error) {
    const isNamed = globals.config !== undefined || Boolean(deps.env.UPLIFT_CONFIG);
    if (isNamed || !isUpliftError(error, 'UPL-CONFIG-MISSING')) throw error;
    const stateDir = stateDirFor({ flag: globals.stateDir, cwd });
    return { stateDir, journalDir: stateDir };
  }
}

function shownPath(file: string, cwd: string): string {
  const near = relative(cwd, file);
  return near.startsWith('..') ? file : near;
}

/** Paths in uplift.yaml are relative to the file, so that a command works from any folder. */
export function besideConfig(project: Project, path: string): string {
  return resolve(dirname(project.configFile), path);
}

/** A secret that uplift.yaml names; its file, if it is one, stands beside uplift.yaml. */
export function secretOf(deps: Pick<Deps, 'env'>, project: Project, ref: SecretRef): Promise<string> {
  return resolveSecret(ref, deps.env, (file) => readFile(besideConfig(project, file), 'utf8'));
}
