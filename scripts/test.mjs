// `npm test` after the set-up, on Node 24: type check, lint, unit tests, tests against real servers. A failure stops
// nothing: every stage runs and shows its result. The last line is `N passed, N failed` (and `, N skipped` if any).
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { binFolder, root } from './setup/paths.mjs';
import { forwardSignals, runVisibly, signalExit } from './test/child.mjs';
import { addUp, summary } from './test/count.mjs';
import { readReport } from './test/vitest-report.mjs';

const MINUTE_MS = 60_000;
const reports = join(root, '.cache', 'test');
const stopped = forwardSignals();

const results = [];
await tool('type check', 'tsc', ['--noEmit'], 5 * MINUTE_MS);
await tool('lint', 'biome', ['check', '.'], 5 * MINUTE_MS);
await vitest('unit', 10 * MINUTE_MS);
await vitest('real', 60 * MINUTE_MS);
process.stdout.write(`\n${summary(results)}\n`);
process.exitCode = stopped() === undefined ? Number(addUp(results).failed > 0) : signalExit(stopped());

/** A tool that passes or fails as a whole counts as one test. */
async function tool(name, program, args, limitMs) {
  const { ok, ms } = await step(name, program, args, limitMs);
  results.push(cutShort(name, ms) ?? { name, ms, passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 });
}

async function vitest(project, limitMs) {
  const file = join(reports, `${project}.json`);
  mkdirSync(reports, { recursive: true });
  rmSync(file, { force: true });
  const name = `${project} tests`;
  const args = [
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
  ];
  const { ok, ms } = await step(name, 'vitest', args, limitMs);
  results.push(cutShort(name, ms) ?? { name, ms, ...readReport(file, ok) });
}

/** A stage that a signal ended or kept from starting says nothing about the tests. */
function cutShort(name, ms) {
  if (stopped() === undefined) return undefined;
  return { name, ms, passed: 0, failed: 0, skipped: 0, note: ms === 0 ? 'not run' : 'interrupted' };
}

async function step(name, program, args, limitMs) {
  if (stopped() !== undefined) return { ok: false, ms: 0 };
  process.stdout.write(
    `\n── ${name}: ${[program, ...args.filter((arg) => !arg.includes('eporter') && !arg.startsWith('--output'))].join(' ')}\n`,
  );
  const started = Date.now();
  const code = await runVisibly(join(binFolder, program), args, limitMs);
  const ms = Date.now() - started;
  process.stdout.write(
    `── ${name}: ${code === 0 ? 'passed' : `FAILED (exit ${code})`} after ${(ms / 1000).toFixed(1)} s\n`,
  );
  return { ok: code === 0, ms };
}
