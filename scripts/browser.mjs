// `npm run test:browser` after the set-up, on Node 24: the pages for operators in a real Chromium, which this installs.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { binFolder } from './setup/paths.mjs';
import { forwardSignals, runVisibly, signalExit } from './test/child.mjs';
import { withSystem } from './test/with-system.mjs';

const LIMIT_MS = 600_000;

/** Vitest's exit code, or what the set-up says when there is no browser and none can be installed. */
async function main() {
  const { values } = parseArgs({ options: { shots: { type: 'string' } } });
  if (values.shots !== undefined) process.env.BROWSER_SHOTS = values.shots;
  const missing = await withSystem('browser', { forBrowser: true });
  if (missing !== undefined) return missing;
  const stopped = forwardSignals();
  const args = ['run', '--project', 'browser', '--reporter=verbose'];
  const code = await runVisibly(join(binFolder, 'vitest'), args, LIMIT_MS);
  return stopped() === undefined ? code : signalExit(stopped());
}

process.exitCode = await main();
