import { parseArgs } from 'node:util';
import { COLUMNS, type Column, DRILLS } from './plan.ts';

export interface Options {
  readonly seed: number;
  readonly ratePerS: number;
  readonly baselineS: number;
  /** `drill` or `drill:step`; none: all. */
  readonly only: readonly string[];
  readonly columns: readonly Column[];
  /** No point begins later than this. */
  readonly minutes: number;
  /** Forgets the attempts of earlier runs. */
  readonly fresh: boolean;
  /** Ends at the first failure and leaves the platform standing, to be looked at. */
  readonly keep: boolean;
  readonly page: string | undefined;
}

export const USAGE =
  'npm run test:crash:drills -- [--seed 1] [--rate 50] [--baseline 5] [--only kafka-broker-loss,redis-shard-loss:2] [--columns run,both] [--minutes 75] [--fresh] [--keep] [--page docs/results/crash-drills.md]';

const listOf = (text: string): string[] => text.split(',').filter((name) => name !== '');

/** Pure: the command line of a matrix; undefined: it cannot be understood. */
export function optionsOf(args: readonly string[]): Options | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seed: { type: 'string', default: '1' },
        rate: { type: 'string', default: '50' },
        baseline: { type: 'string', default: '5' },
        only: { type: 'string', default: '' },
        columns: { type: 'string', default: 'run' },
        minutes: { type: 'string', default: '75' },
        fresh: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        page: { type: 'string' },
      },
    });
    const { fresh, keep, page } = values;
    const numbers = [values.seed, values.rate, values.baseline, values.minutes].map(Number);
    const [seed = 0, ratePerS = 0, baselineS = 0, minutes = 0] = numbers;
    const only = listOf(values.only);
    const columns = COLUMNS.filter((column) => listOf(values.columns).includes(column));
    const bounded = ratePerS > 0 && baselineS > 0 && minutes > 0 && Number.isSafeInteger(seed);
    const named = columns.length === listOf(values.columns).length && columns.length > 0;
    if (!bounded || !named || !only.every(isChoice)) return undefined;
    return { seed, ratePerS, baselineS, only, columns, minutes, fresh, keep, page };
  } catch {
    return undefined;
  }
}

function isChoice(text: string): boolean {
  const [drill = '', step = '1', ...more] = text.split(':');
  return (DRILLS as readonly string[]).includes(drill) && Number(step) >= 1 && more.length === 0;
}
