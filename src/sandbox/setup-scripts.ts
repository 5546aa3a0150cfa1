import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from './package-root.ts';

/** What a script says it is doing right now. */
export type Doing = (text: string) => void;

/**
 * The part of scripts/setup that is shipped in the package: plain JavaScript, because the set-up of a fresh checkout runs
 * it on an older Node before anything is installed.
 */
export interface SetupScripts {
  /** Are the pinned jars in the cache? */
  readonly kafkaIsThere: () => boolean;
  /** Fetches them where they are not; answers what is there now. */
  readonly kafkaJars: (doing: Doing) => Promise<string>;
  /** What is not installed, by name, and whether `systemPackages` may install it on this machine. */
  readonly missingPackages: (wanted: {
    readonly forKafka: boolean;
  }) => Promise<{ readonly missing: readonly string[]; readonly installable: boolean }>;
  /** Installs what is missing; where that is not possible, an error with the line to type. */
  readonly systemPackages: (doing: Doing, wanted: { readonly forKafka: boolean }) => Promise<string>;
  /** From now on a signal ends the tools that run, apart from an installation that has begun. */
  readonly stopOnSignals: () => void;
}

/** What the scripts throw for reasons that the reader can do something about. */
export interface SetupFailure extends Error {
  readonly what: string;
  /** What to do, a line each. */
  readonly advice: readonly string[];
}

export async function loadSetupScripts(): Promise<SetupScripts> {
  const folder = join(await packageRoot(), 'scripts', 'setup');
  const load = async (name: string): Promise<Partial<SetupScripts>> =>
    (await import(pathToFileURL(join(folder, name)).href)) as Partial<SetupScripts>;
  const parts = await Promise.all(['kafka.mjs', 'system.mjs', 'run.mjs'].map(load));
  return Object.assign({}, ...parts) as SetupScripts;
}

export function isSetupFailure(error: unknown): error is SetupFailure {
  return error instanceof Error && 'what' in error && 'advice' in error;
}
