import { join } from 'node:path';
import { EXIT } from '../../src/core/exit.ts';
import { topologyOf } from '../../src/drills/kafka/topology.ts';
import { untilBack } from '../soak/kill.ts';
import { lastOf, leftOf } from '../support/attempts.ts';
import type { Platform } from '../support/driven-platform.ts';
import { machineFacts, placePage } from '../support/results-page.ts';
import { root } from '../support/source-tree.ts';
import {
  asProgram,
  rowsBefore,
  type Standing,
  type StandingMatrix,
  say,
  tryAll,
} from '../support/standing-matrix.ts';
import { IMPATIENT_MS } from './act.ts';
import { type Options, optionsOf, USAGE } from './options.ts';
import { pageOf } from './page.ts';
import { type Point, planPoints } from './plan.ts';
import { type PointContext, runPoint } from './point.ts';
import { ProjectionWatch } from './projection.ts';
import { keyOf, type Row } from './row.ts';

const LOOK_MS = 10_000;

interface Run {
  readonly options: Options;
  readonly workDir: string;
  readonly version: string;
  readonly stop: AbortSignal;
}

/** The last of the gateways gives up on appends early, so that some end without an answer: else nothing is left to the sweeper. */
async function makeImpatient(platform: Platform): Promise<void> {
  const gateways = (await platform.units()).filter(({ labels }) => labels.role === 'gateway');
  const unit = gateways.at(-1)?.id;
  if (unit === undefined) throw new Error('there is no gateway');
  await platform.restart(unit, `PRODUCE_DEADLINE_MS=${IMPATIENT_MS}`);
}

async function open(platform: Platform, run: Run): Promise<Standing<Point, Row>> {
  await makeImpatient(platform);
  const context = await contextOf(platform, run);
  const close = (): Promise<void> => context.ports.close();
  try {
    await untilBack(context);
  } catch (error) {
    await close();
    throw error;
  }
  return { run: (point) => runPoint(point, context), close };
}

async function contextOf(
  platform: Platform,
  { options, workDir, version, stop }: Run,
): Promise<PointContext> {
  const [ports, units] = [await platform.open(), await platform.units()];
  const topology = topologyOf(await ports.cluster.describe({ timeoutMs: LOOK_MS }));
  const projection = new ProjectionWatch(ports.read, [ports.writer, ...ports.replicas]);
  const { ratePerS } = options;
  return { platform, ports, units, topology, projection, signal: stop, workDir, ratePerS, version };
}

function told({ point, unit, note, acknowledged, lost, backMs }: Row): string {
  const figures = `${acknowledged} acknowledged, ${lost} lost, back after ${backMs} ms`;
  return `${point.act} ${unit} ${note}: ${figures}`;
}

async function matrix(options: Options, stop: AbortSignal): Promise<number> {
  const workDir = join(root, '.cache', 'crash-service', `seed-${options.seed}`);
  const planned = planPoints(options.seed)
    .filter(({ victim }) => options.only.length === 0 || options.only.includes(victim))
    .slice(0, options.most);
  // The page names the commit of each attempt, which need not be the one that writes it.
  const { uplift: version = 'unknown', ...machine } = await machineFacts();
  const run: Run = { options, workDir, version, stop };
  const standing: StandingMatrix<Point, Row> = {
    ...{ name: 'crash', workDir, planned, keyOf, stop, keep: options.keep, told },
    endsAtMs: performance.now() + options.minutes * 60_000,
    open: (platform) => open(platform, run),
  };
  const rows = await rowsBefore<Point, Row>(standing);
  const toDo = leftOf(planned, rows, keyOf).length;
  say(`${planned.length} points, ${toDo} of them not passed before; files in ${workDir}`);
  try {
    await tryAll(rows, standing);
  } finally {
    const { seed, ratePerS } = options;
    const result = { seed, ratePerS, rows, planned: planned.length };
    await placePage(pageOf(result, machine), options.page);
  }
  const left = leftOf(planned, lastOf(rows), keyOf).length;
  process.stdout.write(`\n${planned.length - left} of ${planned.length} passed\n`);
  return left > 0 ? EXIT.fail : EXIT.ok;
}

const options = optionsOf(process.argv.slice(2));
if (options === undefined) {
  process.stderr.write(`Usage: ${USAGE}\n`);
  process.exitCode = EXIT.usage;
} else await asProgram((stop) => matrix(options, stop));
