import { Command, type CommanderError, Option } from 'commander';
import { registerCheck } from './commands/check/index.ts';
import { COMPLETE, registerCompletion } from './commands/completion/index.ts';
import { registerConfig } from './commands/config/index.ts';
import { registerDlq } from './commands/dlq/index.ts';
import { registerDrill } from './commands/drill/index.ts';
import { registerInit } from './commands/init/index.ts';
import { registerLag } from './commands/lag/index.ts';
import { registerLoad } from './commands/load/index.ts';
import { registerSandbox } from './commands/sandbox/index.ts';
import { registerService } from './commands/service/index.ts';
import { addFooters, HELP } from './commands/shared/help.ts';
import { registerTopics } from './commands/topics/index.ts';
import { UpliftError } from './core/error.ts';
import type { Globals, Runner } from './deps.ts';

/** Adds one noun with its verbs and flags; imports types only, so that `--help` loads no capability. */
export type Register = (program: Command, run: Runner) => void;

/** In the order of a first visit: this is how `--help` lists them. */
const NOUNS: readonly Register[] = [
  registerInit,
  registerSandbox,
  registerTopics,
  registerLoad,
  registerCheck,
  registerLag,
  registerDrill,
  registerDlq,
  registerService,
  registerConfig,
  registerCompletion,
];

export interface ProgramIo {
  readonly version: string;
  readonly writeOut: (text: string) => void;
  readonly nouns?: readonly Register[];
  /** The command line, where only its own part of the tree is needed; absent: the whole tree. */
  readonly args?: readonly string[];
}

/** Builds the command tree. It parses and dispatches; it never exits, prints an error or touches the world. */
export function buildProgram(run: Runner, io: ProgramIo): Command {
  const program = new Command('uplift')
    .description('Takes a reservation platform along the Infra Uplift Blueprint and proves every step.')
    .version(io.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .exitOverride()
    .configureOutput({ writeOut: io.writeOut, writeErr: () => undefined, outputError: () => undefined })
    .configureHelp(HELP)
    .showSuggestionAfterError(true);
  addGlobals(program);
  if (io.args !== undefined && !io.args.includes(COMPLETE)) leaveOutVerbs(program, io.args);
  for (const register of io.nouns ?? NOUNS) register(program, run);
  addFooters(program);
  return program;
}

/** Takes whatever is chained to it and does nothing. */
const NOTHING: object = new Proxy({}, { get: () => () => NOTHING });

/**
 * Half of a start is spent on making commands, and a command line needs those of one noun. A noun that it does not name
 * (nouns have no aliases) is made without its verbs: enough for the list of commands and for suggestions.
 */
function leaveOutVerbs(program: Command, args: readonly string[]): void {
  program.createCommand = (name) => {
    const noun = new Command(name);
    if (name === undefined || !args.includes(name)) noun.command = (() => NOTHING) as Command['command'];
    return noun;
  };
}

function addGlobals(program: Command): void {
  program
    .option('-c, --config <file>', 'uplift.yaml to use (also UPLIFT_CONFIG)')
    .addOption(new Option('--state-dir <folder>', 'where runs and sandboxes live').env('UPLIFT_STATE_DIR'))
    .addOption(new Option('--region <name>', 'act on one region').env('UPLIFT_REGION'))
    .addOption(
      new Option('-o, --output <format>', 'text, json or ndjson')
        .choices(['text', 'json', 'ndjson'])
        .default('text')
        .env('UPLIFT_OUTPUT'),
    )
    .option('--debug', 'add stacks and causes to errors', false);
}

/** The global options as parsed. */
export function globalsOf(program: Command): Globals {
  const { config, stateDir, region, output, debug } = program.opts<Globals>();
  return {
    ...(config === undefined ? {} : { config }),
    ...(stateDir === undefined ? {} : { stateDir }),
    ...(region === undefined ? {} : { region }),
    output,
    debug,
  };
}

/**
 * Turns what commander throws into our own error, or undefined where it only printed help or the version.
 * A noun without a verb is a usage error too: a script that forgot the verb must not see 0.
 */
export function usageError(
  error: CommanderError,
  program: Command,
  args: readonly string[],
): UpliftError | undefined {
  if (error.exitCode === 0) return undefined;
  const { command, path } = commandOf(program, args);
  const next = `${path} --help`;
  if (error.code === 'commander.help') {
    const verbs = command
      .createHelp()
      .visibleCommands(command)
      .map((sub) => sub.name());
    return new UpliftError('UPL-USAGE', { message: `${path} needs a command: ${verbs.join(', ')}.`, next });
  }
  const message = error.message.replace(/^error: /, '').replace(/\n?\((Did you mean [^)]*)\)/, '. $1');
  return new UpliftError('UPL-USAGE', { message: /[.?]$/.test(message) ? message : `${message}.`, next });
}

function commandOf(program: Command, args: readonly string[]): { command: Command; path: string } {
  let command = program;
  let path = program.name();
  for (const arg of args) {
    const sub = command.commands.find(
      (candidate) => candidate.name() === arg || candidate.aliases().includes(arg),
    );
    if (sub === undefined) continue;
    command = sub;
    path = `${path} ${sub.name()}`;
  }
  return { command, path };
}
