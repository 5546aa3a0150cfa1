// `npm run test:drills` after the set-up, on Node 24: every drill of a store by the command line on a sandbox, what
// `drill recover` makes of one that was killed, and losses made on purpose, which a probe must name and a second checker
// (scripts/second-checker.mjs, which reads Kafka with kcat) must name as well; the live view on a pseudo-terminal; what a quorum
// of three controllers says while voters hang; and a broker that is slow to take new connections.
//   npm run test:drills -- [FILTER …]
import { join } from 'node:path';
import { binFolder } from './setup/paths.mjs';
import { forwardSignals, runVisibly, signalExit } from './test/child.mjs';
import { withSystem } from './test/with-system.mjs';

const LIMIT_MS = 3_600_000;

async function main() {
  const missing = await withSystem('kcat', { forDrills: true });
  if (missing !== undefined) return missing;
  const stopped = forwardSignals();
  const args = ['run', '--project', 'drills', '--reporter=verbose', ...process.argv.slice(2)];
  const code = await runVisibly(join(binFolder, 'vitest'), args, LIMIT_MS);
  return stopped() === undefined ? code : signalExit(stopped());
}

process.exitCode = await main();
