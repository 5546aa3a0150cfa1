// `npm run test:disk` after the set-up, on Node 24: servers whose data stand on a small disk that runs full.
//   npm run test:disk -- [--page docs/results/disk.md]
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { binFolder } from './setup/paths.mjs';
import { forwardSignals, runVisibly, signalExit } from './test/child.mjs';

const LIMIT_MS = 1_800_000;

const { values } = parseArgs({ options: { page: { type: 'string' } } });
if (values.page !== undefined) process.env.DISK_PAGE = values.page;
const stopped = forwardSignals();
const code = await runVisibly(
  join(binFolder, 'vitest'),
  ['run', '--project', 'disk', '--reporter=verbose'],
  LIMIT_MS,
);
process.exitCode = stopped() === undefined ? code : signalExit(stopped());
