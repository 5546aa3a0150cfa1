// `npm run test:drills` after the set-up, on Node 24: every drill of a store by the command line on a sandbox, what
// `drill recover` makes of one that was killed, losses made on purpose, which a probe must name, and the live view on a
// pseudo-terminal.
//   npm run test:drills -- [FILTER …]
import { join } from 'node:path';
import { binFolder } from './setup/paths.mjs';
import { forwardSignals, runVisibly, signalExit } from './test/child.mjs';

const LIMIT_MS = 3_600_000;

const stopped = forwardSignals();
const code = await runVisibly(
  join(binFolder, 'vitest'),
  ['run', '--project', 'drills', '--reporter=verbose', ...process.argv.slice(2)],
  LIMIT_MS,
);
process.exitCode = stopped() === undefined ? code : signalExit(stopped());
