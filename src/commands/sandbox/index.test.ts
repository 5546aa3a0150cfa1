import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import type { Runner } from '../../deps.ts';
import { registerSandbox } from './index.ts';
import { nameFlag, stateDirOf, wholeNumber } from './input.ts';

async function inputOf(...argv: string[]): Promise<unknown> {
  let seen: unknown;
  const run: Runner = async (_load, input) => {
    seen = input;
  };
  const program = new Command('uplift').exitOverride();
  registerSandbox(program, run);
  await program.parseAsync(['sandbox', ...argv], { from: 'user' });
  return seen;
}

describe('uplift sandbox', () => {
  test.each([
    [['up'], { name: 'demo', brokers: '3', racks: '3', service: true, secure: false }],
    [
      [
        'up',
        '--name',
        'six',
        '--brokers',
        '6',
        '--racks',
        '2',
        '--port-base',
        '21000',
        '--kafka-home',
        '/k',
        '--no-service',
        '--secure',
      ],
      {
        name: 'six',
        brokers: '6',
        racks: '2',
        portBase: '21000',
        kafkaHome: '/k',
        service: false,
        secure: true,
      },
    ],
    [
      ['restart', 'commands-1', 'commands-2', '--env', 'EVENT_SCHEMA=2'],
      { name: 'demo', units: ['commands-1', 'commands-2'], env: ['EVENT_SCHEMA=2'] },
    ],
    [['install', '--yes'], { yes: true }],
    [['down', '--keep-data'], { name: 'demo', keepData: true }],
    [['status'], { name: 'demo' }],
    [['env', '--name', 'x'], { name: 'x' }],
    [['logs', 'kafka-1', '--lines', '7'], { name: 'demo', unit: 'kafka-1', lines: '7' }],
    [['kill', 'kafka-1'], { name: 'demo', unit: 'kafka-1' }],
    [['pause', 'redis-2', '--name', 'x'], { name: 'x', unit: 'redis-2' }],
    [['resume', 'redis-2'], { name: 'demo', unit: 'redis-2' }],
    [['start', 'redis-2'], { name: 'demo', unit: 'redis-2' }],
  ])('%j is understood as %j', async (argv, input) => {
    expect(await inputOf(...argv)).toEqual(input);
  });

  test('numbers are whole numbers, and the flag is named when they are not', () => {
    expect(wholeNumber('--brokers', '6')).toBe(6);
    for (const text of ['', '-1', '3.5', 'x', '1e3'])
      expect(() => wholeNumber('--brokers', text)).toThrow(/--brokers/);
  });

  test('the state folder is absolute, wherever it was given from', () => {
    const globals = { output: 'text', debug: false } as const;
    expect(stateDirOf({ cwd: '/srv/x', globals })).toBe('/srv/x/.uplift');
    expect(stateDirOf({ cwd: '/srv/x', globals: { ...globals, stateDir: 'st' } })).toBe('/srv/x/st');
    expect([nameFlag('demo'), nameFlag('x')]).toEqual(['', ' --name x']);
  });
});
