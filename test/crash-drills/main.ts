import { rename, rm } from 'node:fs/promises';
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
import { type Options, optionsOf, USAGE } from './options.ts';
import { estimateOf, pageOf } from './page.ts';
import { chosenOf, keyOf, type Point, plannedKinds, planPoints } from './plan.ts';
import { runPoint } from './point.ts';
import type { Row } from './row.ts';
import { openStores } from './stores.ts';

const LOOK_MS = 10_000;

interface Run {
  readonly options: Options;
  readonly workDir: string;
  readonly version: string;
  readonly stop: AbortSignal;
}

async function open(
  platform: Platform,
  { options, workDir, version, stop: signal }: Run,
): Promise<Standing<Point, Row>> {
  // A run that was left on an earlier platform can be put back by nobody any more, and would refuse every other one.
  await rename(join(platform.stateDir, 'runs'), join(workDir, `runs-${Date.now()}`)).catch(() => undefined);
  const [ports, units] = [await platform.open(), await platform.units()];
  try {
    const topology = topologyOf(await ports.cluster.describe({ timeoutMs: LOOK_MS }));
    await untilBack({ ports, units, topology, signal });
    const stores = await openStores(platform, ports, workDir);
    const { ratePerS, baselineS } = options;
    const context = { platform, ports, stores, workDir, version, ratePerS, baselineS, signal };
    return {
      run: (point) => runPoint(point, context),
      close: async () => {
        await Promise.allSettled([stores.close(), ports.close()]);
      },
    };
  } catch (error) {
    await ports.close();
    throw error;
  }
}

function told({ point, landed, by, undone, backMs, tookMs, lost, acknowledged }: Row): string {
  const { drill, step, kind, column } = point;
  const figures = `${acknowledged} acknowledged, ${lost} lost, back after ${backMs} ms, ${tookMs} ms in all`;
  return `${drill} ${step} ${kind} (${column}): ${landed}, ${undone} undone by ${by}: ${figures}`;
}

async function matrix(options: Options, stop: AbortSignal): Promise<number> {
  const { seed, ratePerS, baselineS, only, columns } = options;
  const workDir = join(root, '.cache', 'crash-drills', `seed-${seed}`);
  if (options.fresh) await rm(join(workDir, 'rows.ndjson'), { force: true });
  const planned = chosenOf(planPoints(seed, await plannedKinds(), columns), only);
  const { uplift: version = 'unknown', ...machine } = await machineFacts();
  const standing: StandingMatrix<Point, Row> = {
    ...{ name: 'crash-drills', workDir, planned, keyOf, stop, keep: options.keep, told },
    endsAtMs: performance.now() + options.minutes * 60_000,
    open: (platform) => open(platform, { options, workDir, version, stop }),
  };
  const rows = await rowsBefore<Point, Row>(standing);
  const toDo = leftOf(planned, rows, keyOf);
  const minutes = (estimateOf(toDo, rows) / 60).toFixed(1);
  say(`${planned.length} points, ${toDo.length} to be tried, some ${minutes} minutes; files in ${workDir}`);
  try {
    await tryAll(rows, standing);
  } finally {
    await placePage(pageOf({ seed, ratePerS, baselineS, planned, rows }, machine), options.page);
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
