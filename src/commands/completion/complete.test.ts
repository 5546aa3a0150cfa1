import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { quietDeps } from '../../../test/support/quiet-deps.ts';
import { HELP } from '../shared/help.ts';
import { complete, completeCommand } from './complete.ts';
import { registerCompletion, specsOf } from './index.ts';
import { completionScript } from './script.ts';

/** A small tree: what is tested follows any tree, not the verbs that happen to exist. */
function treeOf(): Command {
  const program = new Command('up')
    .configureHelp(HELP)
    .option('-o, --output <format>', 'how')
    .option('--state-dir <folder>', 'where');
  const noun = program.command('noun').description('first: rest');
  noun.command('make').argument('<drill>').option('--yes', 'do it').option('--file <file>', 'in');
  noun.command('melt').argument('<unit...>');
  program.command('secret', { hidden: true });
  registerCompletion(program, async () => undefined);
  return program;
}

const commands = specsOf(treeOf());
const known: Readonly<Record<string, readonly string[]>> = { drill: ['a-drill', 'b-drill'], unit: ['u-1'] };

/** Suggestions for the words of a line, the last one under the cursor; then the directive. */
function answers(line: string): string[] {
  const text = complete(commands, line.split(' '), ({ name, choices }) =>
    choices.length > 0 ? choices : (known[name] ?? []),
  );
  return text
    .trimEnd()
    .split('\n')
    .map((one) => one.split('\t')[0] ?? '');
}

describe('completion', () => {
  it.each([
    ['', ['noun', 'completion', ':4']],
    ['n', ['noun', ':4']],
    ['sec', [':4']],
    ['noun ', ['make', 'melt', ':4']],
    ['noun ma', ['make', ':4']],
    ['-o json noun me', ['melt', ':4']],
    ['noun make ', ['a-drill', 'b-drill', ':4']],
    ['noun make b', ['b-drill', ':4']],
    ['noun melt u-1 ', ['u-1', ':4']],
    ['noun make --', ['--yes', '--file', '--output', '--state-dir', '--help', ':4']],
    ['noun make --y', ['--yes', ':4']],
    ['completion ', ['bash', 'zsh', 'fish', ':4']],
    ['noun make --file ', [':0']],
    ['--state-dir ', [':0']],
  ])('of "%s" is %j', (line, expected) => {
    const got = answers(line);
    expect(got.toSorted()).toEqual(expected.toSorted());
    expect(got.at(-1)).toBe(expected.at(-1));
  });

  it('says of each command what the list of commands says', () => {
    expect(complete(commands, ['n'], () => [])).toBe('noun\tfirst\n:4\n');
  });
});

describe('the script', () => {
  it('for bash needs no other package, can be sourced twice and never evaluates what was typed', () => {
    const script = completionScript('bash');
    expect(script).not.toMatch(/readonly|_get_comp_words_by_ref/);
    expect(script).toContain('printf %q');
  });
});

it('of a run is of the folder in which uplift.yaml keeps them', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'uplift-complete-'));
  try {
    await mkdir(join(dir, 'shared', 'runs', 'r-1'), { recursive: true });
    await mkdir(join(dir, 'state', 'runs', 'r-2'), { recursive: true });
    const program = new Command('up').configureHelp(HELP);
    program.command('drill').command('show').argument('<run>');
    const answer = async (config: string): Promise<string> => {
      await writeFile(join(dir, 'uplift.yaml'), config);
      const { globals, ...rest } = quietDeps('', join(dir, 'state'), dir);
      const stdout = new PassThrough();
      const deps = { ...rest, stdout, globals: { ...globals, config: join(dir, 'uplift.yaml') } };
      await completeCommand(deps, { commands: specsOf(program), words: ['drill', 'show', ''] });
      return String(stdout.read()).split('\n')[0]?.trim() ?? '';
    };
    const region = "regions: [{ name: local, kafka: { brokers: ['127.0.0.1:1'] } }]";
    const text = `version: 1\nenvironment: { name: shop }\n${region}\n`;
    expect(await answer(`${text}drills: { journalDir: shared }\n`)).toBe('r-1');
    expect(await answer(text)).toBe('r-2');
    expect(await answer('drills: [')).toBe('r-2');
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
