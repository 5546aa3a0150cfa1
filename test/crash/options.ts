import { parseArgs } from 'node:util';

export interface Options {
  readonly seed: number;
  readonly ratePerS: number;
  /** Only the points of these victims. */
  readonly only: readonly string[];
  readonly most: number;
  /** No point begins later than this. */
  readonly minutes: number;
  /** Ends at the first failure and leaves the platform standing, to be looked at. */
  readonly keep: boolean;
  readonly page: string | undefined;
}

export const USAGE =
  'npm run test:crash:service -- [--seed 1] [--rate 60] [--only broker,gateway] [--points 56] [--minutes 75] [--keep] [--page docs/results/crash-service.md]';

/** Pure: the command line of a matrix; undefined: it cannot be understood. */
export function optionsOf(args: readonly string[]): Options | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seed: { type: 'string', default: '1' },
        rate: { type: 'string', default: '60' },
        only: { type: 'string', default: '' },
        points: { type: 'string', default: '1000' },
        minutes: { type: 'string', default: '75' },
        keep: { type: 'boolean', default: false },
        page: { type: 'string' },
      },
    });
    const [seed = 0, ratePerS = 0, most = 0, minutes = 0] = [
      values.seed,
      values.rate,
      values.points,
      values.minutes,
    ].map(Number);
    const only = values.only.split(',').filter((name) => name !== '');
    if (!Number.isSafeInteger(seed) || !(ratePerS > 0) || !(most > 0) || !(minutes > 0)) return undefined;
    return { seed, ratePerS, only, most, minutes, keep: values.keep, page: values.page };
  } catch {
    return undefined;
  }
}
