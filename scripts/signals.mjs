// `npm run test:signals` after the set-up, on Node 24: signals at recorded moments of the commands that change something.
//   npm run test:signals -- [--seed N] [--only K,L] [--page docs/results/signals.md]
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { binFolder } from './setup/paths.mjs';
import { forwardSignals, runVisibly, signalExit } from './test/child.mjs';

const HOUR_MS = 3_600_000;

const { values } = parseArgs({
  options: { seed: { type: 'string' }, only: { type: 'string' }, page: { type: 'string' } },
});
if (values.seed !== undefined) process.env.SIGNALS_SEED = values.seed;
if (values.only !== undefined) process.env.SIGNALS_ONLY = values.only;
if (values.page !== undefined) process.env.SIGNALS_PAGE = values.page;
const stopped = forwardSignals();
const code = await runVisibly(
  join(binFolder, 'vitest'),
  ['run', '--project', 'signals', '--reporter=verbose'],
  HOUR_MS,
);
process.exitCode = stopped() === undefined ? code : signalExit(stopped());
