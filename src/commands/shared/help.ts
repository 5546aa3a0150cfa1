import { type Argument, type Command, Help, type HelpConfiguration, type Option } from 'commander';

const BUILT_IN = new Help();

/**
 * How `--help` looks: everything about one command on a screen of 80 × 24. A list names each command with the first part
 * of its description; the rest stands in its own help. commander hands this down to every command made from the program.
 */
export const HELP: HelpConfiguration = {
  visibleCommands: (command) =>
    BUILT_IN.visibleCommands(command).filter((sub) => command.commands.includes(sub)),
  visibleOptions: (command) =>
    BUILT_IN.visibleOptions(command).filter(({ long }) => command.parent === null || long !== '--help'),
  subcommandTerm: (command) => [command.name(), ...command.registeredArguments.map(argumentTerm)].join(' '),
  optionDescription: (option) => `${option.description}${remarks(option)}`,
  subcommandDescription: (command) => command.summary() || firstPart(command.description()),
};

/** Every command below another one that help shows, each before those below itself. */
export function commandsUnder(command: Command): Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .flatMap((sub) => [sub, ...commandsUnder(sub)]);
}

const FIRST_STEPS =
  '\nType first:  uplift    (it says what to do here), or: uplift sandbox up\n' +
  'Exit codes:  0 fine, 10 failed, 12 inconclusive, 15 refused, 16 not restored,\n' +
  '             64 usage, 69 away, 74 cannot write, 78 configuration';

/** What stands at the end of every help; computed for the one that is asked for. */
export function addFooters(program: Command): void {
  program.addHelpText('afterAll', ({ command }) => {
    if (command === program) return FIRST_STEPS;
    const everywhere = program.options.flatMap(({ long }) => (long === '--version' ? [] : (long ?? [])));
    return `\nAlso ${everywhere.join(' ')}: ${program.name()} --help`;
  });
}

/** `(default 50, env UPLIFT_OUTPUT)`; choices only where the description does not name them. */
function remarks({ argChoices = [], defaultValue, description, envVar }: Option): string {
  const unnamed = argChoices.every((choice) => description.includes(choice)) ? [] : [argChoices.join(', ')];
  const isPlain = typeof defaultValue === 'string' || typeof defaultValue === 'number';
  const parts = [
    ...unnamed,
    ...(isPlain ? [`default ${defaultValue}`] : []),
    ...(envVar === undefined ? [] : [`also ${envVar}`]),
  ];
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

function argumentTerm(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

/** Up to the first mark that starts an explanation. */
function firstPart(description: string): string {
  return description.split(/[;:(]/, 1)[0]?.trim() ?? '';
}
