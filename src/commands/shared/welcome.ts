import { existsSync } from 'node:fs';
import { basename, dirname, relative, resolve } from 'node:path';
import { CONFIG_NAME, sandboxConfigsIn, stateDirFor } from '../../config/find.ts';
import type { Block } from '../../core/blocks.ts';
import type { Action } from '../../deps.ts';

/** What there is to work with, as paths to show. */
export interface Surroundings {
  /** uplift.yaml here, or the one that UPLIFT_CONFIG names. */
  readonly config?: string;
  /** uplift.yaml of every sandbox. */
  readonly sandboxes: readonly string[];
}

/** `uplift` alone: what it is, and what to type first, here and now. It looks at two folders and asks no server. */
export const welcome: Action<object> = async (deps) => {
  const shown = (path: string): string => {
    const short = relative(deps.cwd, path);
    return short.startsWith('..') ? path : short;
  };
  const named = deps.env.UPLIFT_CONFIG || CONFIG_NAME;
  const config = resolve(deps.cwd, named);
  const state = stateDirFor({ flag: deps.globals.stateDir, cwd: deps.cwd, configFile: undefined });
  const surroundings = {
    ...(existsSync(config) ? { config: shown(config) } : {}),
    sandboxes: sandboxConfigsIn(state).map(shown),
  };
  return { exit: 0, kind: 'welcome', data: surroundings, blocks: presentWelcome(surroundings) };
};

/** First the case that is there, then how to come to the others. */
export function presentWelcome({ config, sandboxes }: Surroundings): Block[] {
  return [
    {
      kind: 'heading',
      text: 'uplift takes a reservation platform along the Infra Uplift Blueprint and proves every step.',
      sub: situation(config, sandboxes),
    },
    { kind: 'keyValues', rows: [...rowsFor(config, sandboxes), HELP] },
  ];
}

type Row = readonly [command: string, why: string];

const HELP: Row = ['uplift --help', 'every command'];
const USE: readonly Row[] = [
  ['uplift topics plan', 'what would be created in Kafka'],
  ['uplift topics apply', 'create it'],
  ['uplift load run', 'live traffic, every operation counted'],
  ['uplift check', 'is it healthy?'],
  ['uplift drill run kafka-broker-loss', 'kill a broker under load, count what was lost'],
];

function situation(config: string | undefined, sandboxes: readonly string[]): string {
  if (config !== undefined) return `There is ${config}: commands use it.`;
  const [only, ...others] = sandboxes;
  if (only === undefined) return 'There is no uplift.yaml here and no sandbox. Type one of these first:';
  return others.length === 0
    ? `There is the sandbox ${nameOf(only)}: commands use it.`
    : `There are ${sandboxes.length} sandboxes: say which one is meant, for example --config ${only}`;
}

function rowsFor(config: string | undefined, sandboxes: readonly string[]): readonly Row[] {
  const [only, ...others] = sandboxes;
  if (config !== undefined) return [['uplift config validate', 'every problem of the file at once'], ...USE];
  if (only === undefined)
    return [
      ['uplift sandbox up', 'a real platform here to try things on: Kafka, Postgres, Redis, a service'],
      ['uplift sandbox install', 'before that, where Kafka or a server is not installed yet'],
      ['uplift init', 'uplift.yaml for a platform of your own'],
    ];
  if (others.length > 0)
    return sandboxes.map((file) => [`uplift sandbox status --name ${nameOf(file)}`, 'its processes']);
  return [
    [`uplift sandbox status${flagFor(only)}`, 'its processes'],
    ...USE,
    [`uplift sandbox down${flagFor(only)}`, 'end it; nothing stays behind'],
  ];
}

const nameOf = (configFile: string): string => basename(dirname(configFile));
const flagFor = (configFile: string): string =>
  nameOf(configFile) === 'demo' ? '' : ` --name ${nameOf(configFile)}`;
