import { parseArgs } from 'node:util';
import { parseDurationMs } from '../../src/config/duration.ts';

export interface SoakOptions {
  readonly durationMs: number;
  readonly ratePerS: number;
  readonly seed: number;
  readonly killEveryMs: number;
  /** The page, relative to the project; absent: the run writes none. */
  readonly page: string | undefined;
}

export const USAGE =
  'npm run test:soak -- [--minutes 30] [--rate 100] [--seed 1] [--kill-every 60s] [--page docs/results/soak.md]';

/** Flags of the soak; a sentence when they make no sense. */
export function parseOptions(args: readonly string[]): SoakOptions | string {
  let values: Record<string, string | undefined>;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        minutes: { type: 'string', default: '30' },
        rate: { type: 'string', default: '100' },
        seed: { type: 'string', default: '1' },
        'kill-every': { type: 'string', default: '60s' },
        page: { type: 'string' },
      },
    }));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const minutes = Number(values.minutes);
  const ratePerS = Number(values.rate);
  const seed = Number(values.seed);
  const killEveryMs = parseDurationMs(values['kill-every'] ?? '');
  if (!(minutes > 0 && minutes <= 1_440)) return '--minutes wants a number from 0 to 1440.';
  if (!(ratePerS > 0 && ratePerS <= 10_000)) return '--rate wants operations a second.';
  if (!Number.isSafeInteger(seed)) return '--seed wants a whole number.';
  if (killEveryMs === undefined || killEveryMs < 20_000)
    return '--kill-every wants a time of at least 20s: a victim must be back before the next one is killed.';
  return { durationMs: Math.round(minutes * 60_000), ratePerS, seed, killEveryMs, page: values.page };
}
