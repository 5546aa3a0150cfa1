import { type Complete, RootCommand } from '@bomb.sh/tab';
import { stateDirFor } from '../../config/find.ts';
import type { Action, Deps } from '../../deps.ts';
import type { CommandSpec, CompleteInput, ValueSpec } from './index.ts';
import { printed } from './printed.ts';
import { isFile, valuesOf } from './values.ts';

/** The hidden `uplift complete -- WORDS`: one suggestion a line, last a number that tells the shell how to take them. */
export const completeCommand: Action<CompleteInput> = async (deps, { commands, words }) => {
  const { stateDir, config } = deps.globals;
  const state = stateDirFor({ flag: stateDir, cwd: deps.cwd, configFile: config ?? deps.env.UPLIFT_CONFIG });
  const runs = words.includes('drill') ? await runsOf(deps, state) : state;
  deps.stdout.write(
    complete(commands, words, (value) => valuesOf(value, value.name === 'run' ? runs : state)),
  );
  return { exit: 0, kind: 'completion.answers', data: {}, blocks: [] };
};

/** Drills may keep their runs elsewhere; only uplift.yaml says where. */
async function runsOf(deps: Pick<Deps, 'cwd' | 'env' | 'globals'>, state: string): Promise<string> {
  const { foldersOfRuns } = await import('../shared/project.ts');
  return foldersOfRuns(deps).then(
    ({ journalDir }) => journalDir,
    () => state,
  );
}

/** Directive 4 of the protocol (it is cobra's) forbids file names, 0 lets the shell offer them. */
const NO_FILES = ':4\n';
const FILES = ':0\n';

/** Suggestions for the last of the words, in the protocol of the completion scripts. */
export function complete(
  commands: readonly CommandSpec[],
  words: readonly string[],
  valuesFor: (value: ValueSpec) => readonly string[],
): string {
  let wantsFile = false;
  const offer = (value: ValueSpec) => (suggest: Complete) => {
    wantsFile = isFile(value);
    for (const choice of valuesFor(value)) suggest(choice, '');
  };
  const root = new RootCommand();
  for (const { path, description, options, args } of commands) {
    const node = path === '' ? root : root.command(path, description);
    for (const { long, short, description: text, value } of options) {
      if (value === undefined) node.option(long, text, short);
      else node.option(long, text, offer(value), short);
    }
    for (const value of args) node.argument(value.name, offer(value), value.variadic);
  }
  const answer = printed(() => root.parse([...words]));
  return wantsFile ? answer.replace(NO_FILES, FILES) : answer;
}
