import { appendFile, chmod, cp, mkdir, readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { reasonOf } from '../../src/core/error.ts';
import { EXIT } from '../../src/core/exit.ts';
import { type Attempt, endOf, type KeyOf, leftOf, type Numbered, nextOf, rowsOf } from './attempts.ts';
import { Platform } from './driven-platform.ts';

/** A platform that is standing, and how a point of the matrix is tried on it. */
export interface Standing<P, R> {
  readonly run: (point: P) => Promise<R>;
  readonly close: () => Promise<void>;
}

export interface StandingMatrix<P extends Numbered, R extends Attempt<P>> {
  /** Of its sandbox. */
  readonly name: string;
  /** Its files: attempts (`rows.ndjson`), the state of the sandbox, logs of points that failed. */
  readonly workDir: string;
  readonly planned: readonly P[];
  readonly keyOf: KeyOf<P>;
  /** No point begins after this, on the clock of `performance`. */
  readonly endsAtMs: number;
  readonly stop: AbortSignal;
  /** Ends at the first failure and leaves the platform standing, to be looked at. */
  readonly keep: boolean;
  /** Once its servers and its service are up. */
  readonly open: (platform: Platform) => Promise<Standing<P, R>>;
  /** One line about an attempt. */
  readonly told: (row: R) => string;
}

export const say = (text: string): void => {
  process.stdout.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`);
};

/** Attempts of earlier runs at points of this plan. The folder is there afterwards. */
export async function rowsBefore<P extends Numbered, R extends Attempt<P>>({
  workDir,
  planned,
  keyOf,
}: Pick<StandingMatrix<P, R>, 'workDir' | 'planned' | 'keyOf'>): Promise<R[]> {
  await mkdir(workDir, { recursive: true });
  // Servers that run as another user must be able to pass through it.
  await chmod(workDir, 0o755);
  const text = await readFile(join(workDir, 'rows.ndjson'), 'utf8').catch(() => '');
  const rows = text.split('\n').flatMap((line): R[] => (line === '' ? [] : [JSON.parse(line) as R]));
  return rowsOf(planned, rows, keyOf);
}

/**
 * Every point that has not passed: once, an inconclusive one again at the end, as long as there is time. `rows` grows by
 * each attempt, which is on the disk before the next one begins.
 */
export async function tryAll<P extends Numbered, R extends Attempt<P>>(
  rows: R[],
  matrix: StandingMatrix<P, R>,
): Promise<void> {
  const { planned, keyOf, keep, endsAtMs } = matrix;
  const tries = new Map<number, number>();
  for (;;) {
    const next = nextOf(leftOf(planned, rows, keyOf), rows, tries);
    if (next.length === 0 || performance.now() > endsAtMs) return;
    const tried = await onOnePlatform(next, rows, matrix);
    for (const { number } of tried) tries.set(number, (tries.get(number) ?? 0) + 1);
    const failed = rows.at(-1);
    if (keep && failed !== undefined && endOf(failed) === 'failed') return;
  }
}

/**
 * Runs points on one platform until one of them fails: what it left behind must not count against the next ones. Answers
 * the points that were tried.
 */
async function onOnePlatform<P extends Numbered, R extends Attempt<P>>(
  points: readonly P[],
  rows: R[],
  matrix: StandingMatrix<P, R>,
): Promise<P[]> {
  const { workDir, name, endsAtMs } = matrix;
  const platform = new Platform(workDir, name);
  // Of a run that was killed; there may be none.
  await platform.down().catch(() => undefined);
  const tried: P[] = [];
  let keep = false;
  try {
    await platform.up();
    const standing = await matrix.open(platform);
    try {
      for (const point of points) {
        if (performance.now() > endsAtMs) break;
        tried.push(point);
        const row = await standing.run(point);
        rows.push(row);
        await appendFile(join(workDir, 'rows.ndjson'), `${JSON.stringify(row)}\n`);
        const why = [...row.wrong, ...row.open].join('; ');
        say(`${point.number} ${matrix.told(row)}: ${endOf(row)} ${why}`);
        if (endOf(row) !== 'failed') continue;
        await keepLogs(platform, join(workDir, `failed-${point.number}-${Date.now()}`));
        keep = matrix.keep;
        break;
      }
    } finally {
      await standing.close();
    }
  } finally {
    if (keep) say(`the platform is left standing: UPLIFT_STATE_DIR=${platform.stateDir}, sandbox ${name}`);
    else
      await platform.down().catch((error: unknown) => say(`the platform was not ended: ${reasonOf(error)}`));
  }
  return tried;
}

async function keepLogs(platform: Platform, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await cp(platform.logsDir, target, { recursive: true });
}

/** Runs a matrix as a program: ended by a signal, or with an error, its exit code says so. */
export async function asProgram(work: (stop: AbortSignal) => Promise<number>): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort(signal));
  process.exitCode = await work(stop.signal).catch((error: unknown) => {
    process.stderr.write(`${reasonOf(error)}\n`);
    return EXIT.bug;
  });
  if (stop.signal.aborted) process.exitCode = 128 + constants.signals[stop.signal.reason as 'SIGINT'];
}
