import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { reasonOf } from '../../src/core/error.ts';
import { ProofSandbox } from '../support/sandbox.ts';
import { root } from '../support/source-tree.ts';
import { type Outcome, runPoint, type TryPoint } from './attempt.ts';
import { demoIsFree, tryDemo } from './demo.ts';
import { settling, tryDrillRun } from './drill-run.ts';
import { tryLoadRun } from './load-run.ts';
import { describePoint, type Point, planPoints } from './points.ts';
import { lineOf, markdown, verdictOf } from './report.ts';
import { trySandboxUp } from './sandbox-up.ts';
import { tryTopicsApply } from './topics-apply.ts';

/** The seed of a run that names none; the table in docs/results was made with it. */
const SEED = 4;
const RESULT = join('docs', 'results', 'signals.md');
const REFUSED = 15;
const USAGE = 64;

export interface Surroundings {
  readonly machine: Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, string>>;
}

interface Wish {
  readonly seed: number;
  readonly only: ReadonlySet<number> | undefined;
}

/** Runs the points of a seed one after the other, writes the table of a whole run, and answers the exit code. */
export async function runSignals(args: readonly string[], around: Surroundings): Promise<number> {
  const wish = wishOf(args);
  if (typeof wish === 'string') return say(wish, USAGE);
  const { seed, only } = wish;
  const points = planPoints(seed).filter(({ number }) => only?.has(number) ?? true);
  if (points.some(({ command }) => command === 'demo') && !demoIsFree())
    return say(
      'A sandbox named "demo" is there. Nothing was touched. End it: npx uplift sandbox down',
      REFUSED,
    );
  const startedAt = new Date();
  const startedMs = performance.now();
  say(`Seed ${seed}: ${points.length} points. One again: npm run test:signals -- --seed ${seed} --only <#>`);
  const outcomes = await runAll(points);
  const report = { seed, startedAt, tookMs: performance.now() - startedMs, ...around, outcomes };
  const whole = only === undefined && outcomes.length === points.length;
  if (whole) {
    mkdirSync(dirname(join(root, RESULT)), { recursive: true });
    writeFileSync(join(root, RESULT), markdown(report));
  }
  say(`\n${verdictOf(outcomes)}${whole ? ` Table: ${RESULT}` : ''}`);
  const held = outcomes.every(({ problems }) => problems.length === 0);
  return held && outcomes.length === points.length ? 0 : 1;
}

function say(text: string, exit = 0): number {
  process.stdout.write(`${text}\n`);
  return exit;
}

function wishOf(args: readonly string[]): Wish | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { seed: { type: 'string', default: String(SEED) }, only: { type: 'string' } },
    });
    const seed = Number(values.seed);
    const only = values.only?.split(',').map(Number);
    const known = new Set(planPoints(0).map(({ number }) => number));
    if (!Number.isSafeInteger(seed)) return `--seed ${values.seed}: a whole number is wanted.`;
    if (only?.some((number) => !known.has(number)))
      return `--only ${values.only}: points are numbered 1 to ${known.size}.`;
    return { seed, only: only === undefined ? undefined : new Set(only) };
  } catch (error) {
    return `${reasonOf(error)} Known are --seed <number> and --only <number,…>.`;
  }
}

/** One sandbox stands for all points that need a platform; it is started for the first of them and ended at the end. */
async function runAll(points: readonly Point[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let sandbox: ProofSandbox | undefined;
  let stopped = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (!stopped) say('Stopping after this point.');
      stopped = true;
    });
  try {
    for (const point of points) {
      if (stopped) break;
      process.stdout.write(`  ${String(point.number).padStart(2)}  ${describePoint(point)}\n`);
      if (needsPlatform(point)) sandbox ??= await ProofSandbox.start();
      const outcome = await oneOf(point, tryWith(point, sandbox));
      outcomes.push(outcome);
      say(`      ${lineOf(outcome)}`);
    }
  } finally {
    await sandbox?.down();
  }
  return outcomes;
}

const needsPlatform = ({ command }: Point): boolean => command !== 'sandbox up' && command !== 'demo';

function tryWith({ command }: Point, sandbox: ProofSandbox | undefined): TryPoint {
  if (command === 'sandbox up') return trySandboxUp;
  if (command === 'demo') return tryDemo;
  if (sandbox === undefined) throw new Error(`${command} needs a platform`);
  if (command === 'topics apply') return tryTopicsApply(sandbox);
  return command === 'load run' ? tryLoadRun(sandbox) : settling(sandbox, tryDrillRun(sandbox));
}

/** A harness that throws has seen something it did not expect: that is a failure of the point, and the next one goes on. */
async function oneOf(point: Point, tryPoint: TryPoint): Promise<Outcome> {
  try {
    return await runPoint(point, tryPoint);
  } catch (error) {
    return {
      point,
      attempts: 1,
      shellCode: null,
      endedInMs: null,
      afterwards: 'not looked at to the end',
      problems: [reasonOf(error)],
    };
  }
}
