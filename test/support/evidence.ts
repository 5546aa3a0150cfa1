import { cp, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from '../../src/core/error.ts';
import { root } from './source-tree.ts';

/** Names of the tests of this file that failed so far (`failed-tests.ts`). */
export const failedTests: string[] = [];

const LINES_PER_LOG = 25;
const LONGEST_LINE = 400;
/** A service logs JSON with a level, 40 is *warn*; servers say it in words. */
const TROUBLE = /"level":[456]0\b|\b(WARN|ERROR|FATAL|PANIC)\b/;

/** The last lines of a log that tell of trouble, the newest last. */
export function troubleIn(text: string): string[] {
  const lines = text.split('\n').filter((line) => TROUBLE.test(line));
  return lines.slice(-LINES_PER_LOG).map((line) => line.slice(0, LONGEST_LINE));
}

/**
 * What is known of a sandbox on which a test failed, before it is taken down: its logs and the journals of its runs are
 * copied to `.cache/failed/<name>/`, and what the logs say of trouble is printed, for a machine whose disk nobody will see.
 */
export async function keepEvidence(name: string, sandboxDir: string, stateDir: string): Promise<void> {
  const kept = join(root, '.cache', 'failed', name);
  const logs = join(sandboxDir, 'logs');
  const said = [`evidence of ${failedTests.join(', ')} is in .cache/failed/${name}`];
  try {
    await mkdir(kept, { recursive: true });
    await cp(logs, join(kept, 'logs'), { recursive: true });
    for (const file of (await readdir(logs)).sort()) {
      const lines = troubleIn(await readFile(join(logs, file), 'utf8'));
      if (lines.length > 0) said.push(`--- ${file}`, ...lines);
    }
    await cp(join(stateDir, 'runs'), join(kept, 'runs'), { recursive: true });
  } catch (error) {
    said.push(`not all of it could be kept: ${reasonOf(error)}`);
  }
  process.stderr.write(`${said.join('\n')}\n`);
}
