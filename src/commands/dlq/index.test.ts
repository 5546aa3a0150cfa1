import { Command } from 'commander';
import { expect, it } from 'vitest';
import { registerDlq } from './index.ts';

it.each(['ls', 'show', 'plan', 'replay'])(
  'the help of dlq %s fits a terminal of 80 by 24 and has an example',
  (verb) => {
    const program = new Command('uplift').configureOutput({ getOutHelpWidth: () => 80 });
    registerDlq(program, async () => undefined);
    const command = program.commands[0]?.commands.find((one) => one.name() === verb);
    let help = '';
    command?.configureOutput({ writeOut: (text) => (help += text), getOutHelpWidth: () => 80 }).outputHelp();
    const lines = help.trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(24);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(help).toMatch(/Examples?:\s+uplift dlq/);
  },
);
