import { describe, expect, it } from 'vitest';
import { parseOptions } from './options.ts';

describe('the flags of the soak', () => {
  it('have the defaults of the full run', () => {
    expect(parseOptions([])).toEqual({
      durationMs: 1_800_000,
      ratePerS: 100,
      seed: 1,
      killEveryMs: 60_000,
      page: undefined,
    });
  });

  it('are read as they are written', () => {
    const flags = [
      '--minutes',
      '0.5',
      '--rate',
      '20',
      '--seed',
      '4',
      '--kill-every',
      '30s',
      '--page',
      'x.md',
    ];
    expect(parseOptions(flags)).toEqual({
      durationMs: 30_000,
      ratePerS: 20,
      seed: 4,
      killEveryMs: 30_000,
      page: 'x.md',
    });
  });

  it.each([
    [['--minutes', '0'], /--minutes/],
    [['--rate', 'fast'], /--rate/],
    [['--seed', '1.5'], /--seed/],
    [['--kill-every', '60'], /--kill-every/],
    [['--kill-every', '5s'], /--kill-every/],
    [['--speed', '3'], /speed/],
  ])('%j is refused with what is wrong', (flags, said) => {
    expect(parseOptions(flags)).toMatch(said);
  });
});
