import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeProbeHistory } from '../../src/drills/probe/history.ts';
import type { ProbeWrite } from '../../src/drills/probe/probe.ts';
import { root } from './source-tree.ts';

/** What the second checker printed: the acknowledged ids that are missing, and how it ended. */
export interface SecondOpinion {
  /** 0: nothing is missing. 10: `missing` is. 12: it could not look. */
  readonly exit: number;
  readonly missing: readonly string[];
  readonly said: string;
}

const LONGEST_MS = 120_000;

/** Runs scripts/second-checker.mjs, which shares no line with us, as somebody else would. */
export function secondOpinion(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<SecondOpinion> {
  const options = {
    timeout: LONGEST_MS,
    maxBuffer: 64 * 1024 * 1024,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
  };
  const script = join(root, 'scripts', 'second-checker.mjs');
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [script, ...args], options, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') return reject(error);
      const missing = stdout.split('\n').filter((line) => line !== '');
      resolve({ exit: typeof error?.code === 'number' ? error.code : 0, missing, said: stderr });
    });
  });
}

/**
 * What it says of a probe's writes, from files such as a run leaves. `args`: the flags that name the stores; `runId` is in
 * the header of the history.
 */
export async function opinionOfProbe(
  writes: readonly ProbeWrite[],
  runId: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<SecondOpinion> {
  const folder = await mkdtemp(join(tmpdir(), 'second-checker-'));
  try {
    await writeProbeHistory(join(folder, 'probe.ndjson'), writes);
    await writeFile(join(folder, 'history.ndjson'), `${JSON.stringify({ t: 'header', runId })}\n`);
    return await secondOpinion([folder, '--probe', ...args], env);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
