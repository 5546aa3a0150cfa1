import { appendFile, chmod, mkdir, readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { reasonOf } from '../../src/core/error.ts';
import { EXIT } from '../../src/core/exit.ts';
import { topologyOf } from '../../src/drills/topology.ts';
import { untilBack } from '../soak/kill.ts';
import { Platform } from '../support/driven-platform.ts';
import { machineFacts, placePage } from '../support/results-page.ts';
import { root } from '../support/source-tree.ts';
import { pageOf } from './page.ts';
import { planPoints } from './plan.ts';
import { type Row, runPoint } from './point.ts';
import { ProjectionWatch } from './projection.ts';

interface Options {
  readonly seed: number;
  readonly ratePerS: number;
  /** Only the points of these victims. */
  readonly only: readonly string[];
  readonly most: number;
  readonly page: string | undefined;
}

const USAGE =
  'npm run test:crash:service -- [--seed 1] [--rate 60] [--only broker,gateway] [--points 52] [--page docs/results/crash-service.md]';
const LOOK_MS = 10_000;

const say = (text: string): void => {
  process.stdout.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`);
};

function optionsOf(args: readonly string[]): Options | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seed: { type: 'string', default: '1' },
        rate: { type: 'string', default: '60' },
        only: { type: 'string', default: '' },
        points: { type: 'string', default: '1000' },
        page: { type: 'string' },
      },
    });
    const [seed, ratePerS, most] = [values.seed, values.rate, values.points].map(Number);
    const only = values.only.split(',').filter((name) => name !== '');
    if (!Number.isSafeInteger(seed) || !(Number(ratePerS) > 0) || !(Number(most) > 0)) return undefined;
    return { seed: Number(seed), ratePerS: Number(ratePerS), only, most: Number(most), page: values.page };
  } catch {
    return undefined;
  }
}

/** Rows of an earlier run under this seed that passed: they are not run again. */
async function rowsBefore(file: string): Promise<Row[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const rows = text.split('\n').flatMap((line): Row[] => (line === '' ? [] : [JSON.parse(line) as Row]));
  return rows.filter(({ wrong }) => wrong.length === 0);
}

async function matrix(options: Options, stop: AbortSignal): Promise<number> {
  const startedAt = new Date().toISOString();
  const workDir = join(root, '.cache', 'crash-service', `seed-${options.seed}`);
  await mkdir(workDir, { recursive: true });
  await chmod(workDir, 0o755);
  const file = join(workDir, 'rows.ndjson');
  const rows = await rowsBefore(file);
  const planned = planPoints(options.seed)
    .filter(({ victim }) => options.only.length === 0 || options.only.includes(victim))
    .slice(0, options.most);
  const left = planned.filter(({ number }) => !rows.some(({ point }) => point.number === number));
  say(`${planned.length} points, ${planned.length - left.length} of them passed before; files in ${workDir}`);
  const platform = new Platform(workDir, 'crash');
  let operations = 0;
  try {
    await platform.up();
    const [ports, units] = [await platform.open(), await platform.units()];
    try {
      const topology = topologyOf(await ports.cluster.describe({ timeoutMs: LOOK_MS }));
      const projection = new ProjectionWatch(ports.read, [ports.writer, ...ports.replicas]);
      const context = {
        platform,
        ports,
        units,
        topology,
        projection,
        signal: stop,
        workDir,
        ratePerS: options.ratePerS,
      };
      await untilBack(context);
      for (const point of left) {
        const row = await runPoint(point, context);
        rows.push(row);
        await appendFile(file, `${JSON.stringify(row)}\n`);
        operations = projection.size;
        const end = row.wrong.length === 0 ? 'passed' : `FAILED: ${row.wrong.join('; ')}`;
        say(
          `${point.number} ${point.act} ${row.unit}: ${row.acknowledged} acknowledged, ${row.lost} lost, ${end}`,
        );
      }
    } finally {
      await ports.close();
    }
  } finally {
    await platform
      .down()
      .catch((error: unknown) => say(`the platform could not be ended: ${reasonOf(error)}`));
  }
  const { seed, ratePerS } = options;
  const sorted = rows
    .filter(({ point }) => planned.some(({ number }) => number === point.number))
    .toSorted((a, b) => a.point.number - b.point.number);
  const result = { seed, ratePerS, startedAt, rows: sorted, planned: planned.length, operations };
  await placePage(pageOf(result, await machineFacts()), options.page);
  const failed = sorted.filter(({ wrong }) => wrong.length > 0).length;
  process.stdout.write(`\n${sorted.length - failed} passed, ${failed} failed\n`);
  return failed > 0 || sorted.length < planned.length ? EXIT.fail : EXIT.ok;
}

const options = optionsOf(process.argv.slice(2));
if (options === undefined) {
  process.stderr.write(`Usage: ${USAGE}\n`);
  process.exitCode = EXIT.usage;
} else {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort(signal));
  process.exitCode = await matrix(options, stop.signal).catch((error: unknown) => {
    process.stderr.write(`${reasonOf(error)}\n`);
    return EXIT.bug;
  });
  if (stop.signal.aborted) process.exitCode = 128 + constants.signals[stop.signal.reason as 'SIGINT'];
}
