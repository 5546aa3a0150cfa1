import { Argument, type Command } from 'commander';
import type { Runner } from '../../deps.ts';
import { commandsUnder } from '../shared/help.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** Something that takes a value: an argument, or an option with one. */
export interface ValueSpec {
  /** `drill` of `<drill>`, `state-dir` of `--state-dir <folder>`. */
  readonly name: string;
  /** What stands between the brackets: `folder` of `--state-dir <folder>`. */
  readonly kind: string;
  readonly choices: readonly string[];
  readonly variadic: boolean;
}

export interface OptionSpec {
  /** Without dashes. */
  readonly long: string;
  readonly short?: string;
  readonly description: string;
  /** Absent: a flag. */
  readonly value?: ValueSpec;
}

/** One command of the tree; the options of the program itself are among those of every command. */
export interface CommandSpec {
  /** `drill run`; empty for the program itself. */
  readonly path: string;
  readonly description: string;
  readonly options: readonly OptionSpec[];
  readonly args: readonly ValueSpec[];
}

/** The command that the scripts ask; it needs the whole tree. */
export const COMPLETE = 'complete';

export interface ScriptInput {
  readonly shell: Shell;
}

export interface CompleteInput {
  readonly commands: readonly CommandSpec[];
  /** What stands on the command line after `uplift`; the last one is under the cursor. */
  readonly words: readonly string[];
}

/** `uplift completion bash | zsh | fish`, and the hidden command that those scripts ask at every TAB. */
export function registerCompletion(program: Command, run: Runner): void {
  program
    .command('completion')
    .summary('TAB completion for bash, zsh and fish')
    .description('print a script for your shell; with it, TAB completes commands, options and values')
    .addArgument(new Argument('<shell>', SHELLS.join(', ')).choices(SHELLS))
    .addHelpText(
      'after',
      '\nTo keep it, put the line below into ~/.bashrc or ~/.zshrc; for fish:\n' +
        '  uplift completion fish > ~/.config/fish/completions/uplift.fish\n' +
        '\nExample:\n  source <(uplift completion bash)',
    )
    .action((shell: Shell) => run(() => import('./script.ts').then((m) => m.scriptCommand), { shell }));
  program
    .command(COMPLETE, { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .action((words: string[]) =>
      run(() => import('./complete.ts').then((m) => m.completeCommand), {
        commands: specsOf(program),
        words,
      }),
    );
}

/** The tree as plain data, the program first, each command before those below it. */
export function specsOf(program: Command): CommandSpec[] {
  const everywhere = program.createHelp().visibleOptions(program).map(optionSpec);
  const below = commandsUnder(program).map((command) => ({
    path: pathOf(command),
    description: command.createHelp().subcommandDescription(command),
    options: [...command.createHelp().visibleOptions(command).map(optionSpec), ...everywhere],
    args: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      kind: argument.name(),
      choices: argument.argChoices ?? [],
      variadic: argument.variadic,
    })),
  }));
  return [{ path: '', description: '', options: everywhere, args: [] }, ...below];
}

function pathOf(command: Command): string {
  const { parent } = command;
  return parent?.parent ? `${pathOf(parent)} ${command.name()}` : command.name();
}

function optionSpec(option: Command['options'][number]): OptionSpec {
  const long = option.long?.replace(/^--/, '') ?? '';
  const kind = /[<[]([^>\].]+)/.exec(option.flags)?.[1];
  const value = { name: long, kind: kind ?? '', choices: option.argChoices ?? [], variadic: option.variadic };
  return {
    long,
    description: option.description,
    ...(option.short === undefined ? {} : { short: option.short.replace(/^-/, '') }),
    ...(kind === undefined ? {} : { value }),
  };
}
