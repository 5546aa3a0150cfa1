import { access, chmod, mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { sandboxDir } from '../../src/sandbox/layout.ts';
import { cacheDirOf } from '../../src/sandbox/new-sandbox.ts';
import { runCli, startCli } from '../support/sandbox-cli.ts';
import type { Attempt, TryPoint } from './attempt.ts';
import type { Point } from './points.ts';
import { problemsOf, strike, tail } from './strike.ts';
import { watchTraces } from './traces.ts';

const NAME = 'struck';
const UP_MS = 120_000;
const BOUND_MS = 40_000;

/**
 * A sandbox of its own for each point. After a signal that can be answered nothing may be there; after SIGKILL nothing
 * once `sandbox down` has been typed.
 */
export const trySandboxUp: TryPoint = async (point, delayMs) => {
  const folder = await mkdtemp(join(tmpdir(), 'uplift-struck-'));
  await chmod(folder, 0o755);
  try {
    return await inFolder(folder, point, delayMs);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

async function inFolder(folder: string, point: Point, delayMs: number): Promise<Attempt> {
  const stateDir = join(folder, 'state');
  const cold = point.moment.after.startsWith('cold ');
  const env = { UPLIFT_STATE_DIR: stateDir, ...(cold ? coldCache(folder) : {}) };
  const options = { cwd: folder, env, timeoutMs: UP_MS };
  const traces = watchTraces(stateDir, NAME);
  try {
    const child = startCli(['sandbox', 'up', '--name', NAME], options);
    const event = point.moment.after.replace('cold ', '');
    const seen = (): Promise<boolean> => eventSeen(sandboxDir(stateDir, NAME), event);
    const struck = await strike({ child, point, seen, lookEveryMs: 5, delayMs, before: traces.look });
    const problems = struck.tooLate ? [] : problemsOf(struck, point, BOUND_MS);
    const downNeeded = point.signal === 'SIGKILL' || struck.tooLate;
    if (!downNeeded) problems.push(...(await traces.left()));
    await traces.look();
    const down = await runCli(['sandbox', 'down', '--name', NAME], options);
    if (down.exit !== 0) problems.push(`sandbox down: exit ${down.exit}: ${tail(down.stderr)}`);
    problems.push(...(await traces.left()), ...(await stateLeft(stateDir)));
    return {
      struck,
      afterwards: downNeeded ? '`sandbox down`, then nothing left' : 'nothing left',
      problems: [...new Set(problems)],
    };
  } finally {
    await traces.stop();
  }
}

/** An empty cache but for Kafka's jars: initdb and the class archive are made again. */
function coldCache(folder: string): Record<string, string> {
  const kafka =
    process.env.KAFKA_HOME ?? join(cacheDirOf({ ...process.env, HOME: homedir() }), 'kafka-4.3.1');
  return { XDG_CACHE_HOME: join(folder, 'cache'), KAFKA_HOME: kafka };
}

async function eventSeen(dir: string, event: string): Promise<boolean> {
  if (event === 'start') return true;
  const [kind, unit] = event.split(' ');
  const file = kind === 'manifest' ? 'sandbox.json' : join('units', `${unit}.state.json`);
  return isThere(join(dir, file));
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** `up` made the state folder: it goes with the sandbox. */
async function stateLeft(stateDir: string): Promise<string[]> {
  return (await isThere(stateDir)) ? [`folder ${stateDir}`] : [];
}
