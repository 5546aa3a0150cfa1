import { appendFile, chmod, cp, mkdir, readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { reasonOf } from '../../src/core/error.ts';
import { EXIT } from '../../src/core/exit.ts';
import { topologyOf } from '../../src/drills/kafka/topology.ts';
import { untilBack } from '../soak/kill.ts';
import { Platform } from '../support/driven-platform.ts';
import { machineFacts, placePage } from '../support/results-page.ts';
import { root } from '../support/source-tree.ts';
import { IMPATIENT_MS } from './act.ts';
import { type Options, optionsOf, USAGE } from './options.ts';
import { pageOf } from './page.ts';
import { type Point, planPoints } from './plan.ts';
import { type PointContext, runPoint } from './point.ts';
import { ProjectionWatch } from './projection.ts';
import { endOf, lastOf, leftOf, type Row, rowsOf } from './row.ts';

const LOOK_MS = 10_000;
/** An inconclusive point is tried this often in one run; a failed one once. */
const TRIES = 3;

const say = (text: string): void => {
  process.stdout.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`);
};

/** Attempts of earlier runs under this seed. */
async function rowsBefore(file: string): Promise<Row[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line): Row[] => (line === '' ? [] : [JSON.parse(line) as Row]));
}

interface Run {
  readonly options: Options;
  readonly workDir: string;
  readonly version: string;
  readonly endsAtMs: number;
  readonly stop: AbortSignal;
  /** Writes an attempt down before the next point begins. */
  readonly note: (row: Row) => Promise<void>;
}

/**
 * Runs points on one platform until one of them fails: what it left behind must not count against the next ones. Answers
 * the points that were tried.
 */
async function onOnePlatform(points: readonly Point[], run: Run): Promise<Point[]> {
  const { workDir, options } = run;
  const platform = new Platform(workDir, 'crash');
  // Of a run that was killed; there may be none.
  await platform.down().catch(() => undefined);
  const tried: Point[] = [];
  let keep = false;
  try {
    await platform.up();
    await makeImpatient(platform);
    const context = await contextOf(platform, run);
    try {
      await untilBack(context);
      for (const point of points) {
        if (performance.now() > run.endsAtMs) break;
        tried.push(point);
        const row = await runPoint(point, context);
        await run.note(row);
        if (endOf(row) !== 'failed') continue;
        await cp(platform.logsDir, join(workDir, `failed-${point.number}-${Date.now()}`), {
          recursive: true,
        });
        keep = options.keep;
        break;
      }
    } finally {
      await context.ports.close();
    }
  } finally {
    if (keep) say(`the platform is left standing: UPLIFT_STATE_DIR=${platform.stateDir}, sandbox crash`);
    else
      await platform.down().catch((error: unknown) => say(`the platform was not ended: ${reasonOf(error)}`));
  }
  return tried;
}

/** The last of the gateways gives up on appends early, so that some end without an answer: else nothing is left to the sweeper. */
async function makeImpatient(platform: Platform): Promise<void> {
  const gateways = (await platform.units()).filter(({ labels }) => labels.role === 'gateway');
  const unit = gateways.at(-1)?.id;
  if (unit === undefined) throw new Error('there is no gateway');
  await platform.restart(unit, `PRODUCE_DEADLINE_MS=${IMPATIENT_MS}`);
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

async function matrix(options: Options, stop: AbortSignal): Promise<number> {
  const endsAtMs = performance.now() + options.minutes * 60_000;
  const workDir = join(root, '.cache', 'crash-service', `seed-${options.seed}`);
  await mkdir(workDir, { recursive: true });
  await chmod(workDir, 0o755);
  const file = join(workDir, 'rows.ndjson');
  const planned = planPoints(options.seed)
    .filter(({ victim }) => options.only.length === 0 || options.only.includes(victim))
    .slice(0, options.most);
  const rows = rowsOf(planned, await rowsBefore(file));
  // The page names the commit of each attempt, which need not be the one that writes it.
  const { uplift: version = 'unknown', ...machine } = await machineFacts();
  const note = async (row: Row): Promise<void> => {
    rows.push(row);
    await appendFile(file, `${JSON.stringify(row)}\n`);
    const { point, unit, acknowledged, lost, backMs } = row;
    const figures = `${acknowledged} acknowledged, ${lost} lost, back after ${backMs} ms`;
    const why = [...row.wrong, ...row.open].join('; ');
    say(`${point.number} ${point.act} ${unit} ${row.note}: ${figures}: ${endOf(row)} ${why}`);
  };
  const run = { options, workDir, version, endsAtMs, stop, note };
  say(
    `${planned.length} points, ${leftOf(planned, rows).length} of them not passed before; files in ${workDir}`,
  );
  try {
    await tryAll(planned, rows, run);
  } finally {
    const { seed, ratePerS } = options;
    const result = { seed, ratePerS, rows, planned: planned.length };
    await placePage(pageOf(result, machine), options.page);
  }
  const left = leftOf(planned, lastOf(rows)).length;
  process.stdout.write(`\n${planned.length - left} of ${planned.length} passed\n`);
  return left > 0 ? EXIT.fail : EXIT.ok;
}

/** Every point that has not passed: once, an inconclusive one again at the end, as long as there is time. */
async function tryAll(planned: readonly Point[], rows: readonly Row[], run: Run): Promise<void> {
  const tries = new Map<number, number>();
  for (;;) {
    const next = leftOf(planned, rows).filter(({ number }) => {
      const last = rows.findLast(({ point }) => point.number === number);
      const tried = tries.get(number) ?? 0;
      const again = last !== undefined && endOf(last) === 'inconclusive';
      return tried < (again ? TRIES : 1);
    });
    if (next.length === 0 || performance.now() > run.endsAtMs) return;
    const tried = await onOnePlatform(next, run);
    for (const { number } of tried) tries.set(number, (tries.get(number) ?? 0) + 1);
    const failed = rows.at(-1);
    if (run.options.keep && failed !== undefined && endOf(failed) === 'failed') return;
  }
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
