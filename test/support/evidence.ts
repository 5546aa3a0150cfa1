import { cp, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from '../../src/core/error.ts';
import { root } from './source-tree.ts';

/** What `failed-tests.ts` has seen of the tests of this file. */
export const seen = {
  /** Somebody looks: without it (a benchmark) nothing is known. */
  watched: false,
  /** A test was begun; none is when what stands before them all failed. */
  begun: false,
  failed: [] as string[],
};

/** What failed, for whom it concerns; undefined: nothing did, as far as is known. */
export function failure(): string | undefined {
  if (seen.failed.length > 0) return seen.failed.join(', ');
  return seen.watched && !seen.begun ? 'what stands before the tests' : undefined;
}

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
 * What is known of a sandbox on which something failed, before it is taken down: what the logs say of trouble is printed, for
 * a machine whose disk nobody will see, and logs and journals are copied to `.cache/failed/<name>/`. Never throws.
 */
export async function keepEvidence(
  what: string,
  name: string,
  sandboxDir: string,
  stateDir: string,
): Promise<void> {
  const kept = join(root, '.cache', 'failed', name);
  const logs = join(sandboxDir, 'logs');
  const said = [`evidence of ${what}, sandbox ${name}`];
  const unless = async (doing: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      said.push(`${doing} failed: ${reasonOf(error)}`);
    }
  };
  await unless('reading the logs', async () => {
    for (const file of (await readdir(logs)).sort()) {
      const lines = troubleIn(await readFile(join(logs, file), 'utf8'));
      if (lines.length > 0) said.push(`--- ${file}`, ...lines);
    }
  });
  for (const [what, from] of [
    ['logs', logs],
    ['runs', join(stateDir, 'runs')],
  ] as const)
    await unless(`keeping ${what}`, async () => {
      await mkdir(kept, { recursive: true });
      await cp(from, join(kept, what), { recursive: true });
      said.push(`${what} are in .cache/failed/${name}`);
    });
  process.stderr.write(`${said.join('\n')}\n`);
}
