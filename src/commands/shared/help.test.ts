import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { buildProgram } from '../../program.ts';
import { commandsUnder } from './help.ts';

const COLUMNS = 80;
const ROWS = 24;
/** All nouns and all global options stand in one list. */
const PROGRAM_ROWS = 34;

/** A tree whose help goes into `out` and whose actions only say that they were reached. */
function treeOf(args?: readonly string[]): { program: Command; out: string[]; reached: unknown[] } {
  const out: string[] = [];
  const reached: unknown[] = [];
  const run = async (_load: unknown, input: unknown): Promise<void> => {
    reached.push(input);
  };
  const program = buildProgram(run, {
    version: '0',
    writeOut: (text) => out.push(text),
    ...(args === undefined ? {} : { args }),
  });
  for (const command of [program, ...commandsUnder(program)])
    command.configureOutput({ ...command.configureOutput(), getOutHelpWidth: () => COLUMNS });
  return { program, out, reached };
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

const paths = ((): { all: string[]; verbs: string[] } => {
  const commands = commandsUnder(treeOf().program);
  return {
    all: commands.map(pathOf),
    verbs: commands.filter(({ commands: below }) => below.length === 0).map(pathOf),
  };
})();

async function helpOf(path: string, onlyItsPart = false): Promise<string[]> {
  const words = path.split(' ').slice(1);
  const { program, out } = treeOf(onlyItsPart ? [...words, '--help'] : undefined);
  await expect(program.parseAsync([...words, '--help'], { from: 'user' })).rejects.toMatchObject({
    exitCode: 0,
  });
  return out.join('').trimEnd().split('\n');
}

const tooWide = (lines: readonly string[]): string[] => lines.filter((line) => line.length > COLUMNS);

/** The words of a command inside a shell line, up to a pipe, a redirection or the end of `$(…)`. */
function wordsOf(line: string): string[] {
  const command = /\buplift .*/.exec(line)?.[0].replace(/\)"?$/, '') ?? '';
  const words = [...command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? '');
  const end = words.findIndex((word) => /^[|>&;]/.test(word));
  return end === -1 ? words : words.slice(0, end);
}

describe('the help', () => {
  it('knows the whole tree', () => {
    expect(paths.verbs).toContain('uplift drill run');
    expect(paths.all.length).toBeGreaterThan(paths.verbs.length);
  });

  it('of the program fits, says what to type first and names the exit codes', async () => {
    const lines = await helpOf('uplift');
    expect(tooWide(lines)).toEqual([]);
    expect(lines.length).toBeLessThanOrEqual(PROGRAM_ROWS);
    expect(lines.join('\n')).toMatch(/Type first: {2}uplift[\s\S]*Exit codes: .*16 not restored/);
  });

  it.each(['uplift', ...paths.all])(
    'of %s is the same when only that part of the tree is made',
    async (path) => {
      expect(await helpOf(path, true)).toEqual(await helpOf(path));
    },
  );

  it('is found by the name of a noun alone', () => {
    const { program } = treeOf();
    expect(commandsUnder(program).filter((command) => command.aliases().length > 0)).toEqual([]);
  });

  it.each(paths.all)('of %s fits a screen of 80 columns and 24 rows', async (path) => {
    const lines = await helpOf(path);
    expect(tooWide(lines)).toEqual([]);
    expect(lines.length, lines.join('\n')).toBeLessThanOrEqual(ROWS);
    expect(lines.join('\n')).toContain('--output');
  });

  it.each(paths.verbs)('of %s has an example of it that is understood', async (path) => {
    const lines = await helpOf(path);
    const at = lines.findIndex((line) => /^Examples?:$/.test(line));
    expect(at, lines.join('\n')).toBeGreaterThan(0);
    const example = wordsOf(lines[at + 1] ?? '');
    const { program, reached } = treeOf();
    await program.parseAsync(example.slice(1), { from: 'user' });
    expect(reached).toHaveLength(1);
    const names = example.filter((word) => !word.startsWith('-'));
    expect(path.split(' ').filter((word) => !names.includes(word))).toEqual([]);
  });
});
