import { createWriteStream } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { reasonOf } from '../../src/core/error.ts';
import { EXIT } from '../../src/core/exit.ts';
import { Platform } from '../support/driven-platform.ts';
import { machineFacts } from '../support/results-page.ts';
import { root } from '../support/source-tree.ts';
import { judgeLives, LIMITS } from './judge.ts';
import { livesOf } from './lives.ts';
import { NOTES } from './notes.ts';
import { parseOptions, type SoakOptions, USAGE } from './options.ts';
import { pageOf } from './page.ts';
import { observe } from './run.ts';
import { verdictOf } from './verdict.ts';

/** Kinds of process that must have been seen for long enough. */
const SERVERS = ['kafka', 'postgres', 'pgbouncer', 'redis'];
const KINDS = [...SERVERS, 'gateway', 'commands', 'projector', 'sweeper', 'load'];
/** A life begins only when a killed process has come up again: so much longer than what is judged of it. */
const SLACK_MS = 60_000;

const say = (text: string): void => {
  process.stdout.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`);
};

/** Runs one soak from start to page; answers the exit code. */
async function soak(options: SoakOptions, stop: AbortSignal): Promise<number> {
  const startedAt = new Date();
  const workDir = join(root, '.cache', 'soak', startedAt.toISOString().replaceAll(/[:.]/g, '-'));
  await mkdir(workDir, { recursive: true });
  await chmod(workDir, 0o755);
  const platform = new Platform(workDir, 'soak');
  const samples = createWriteStream(join(workDir, 'samples.ndjson'));
  const facts = await machineFacts();
  try {
    say(`starting a platform; files in ${workDir}`);
    await platform.up();
    stop.throwIfAborted();
    say('load begins');
    const observed = await observe({
      platform,
      options,
      historyPath: join(workDir, 'history.ndjson'),
      lifeMs: LIMITS.warmUpMs + LIMITS.leastJudgedMs + SLACK_MS,
      say,
      onSample: (sample) => samples.write(`${JSON.stringify(sample)}\n`),
      signal: stop,
    });
    const lives = judgeLives(livesOf(observed.samples), KINDS);
    const verdict = verdictOf(observed, lives, options);
    const page = pageOf({
      startedAt: startedAt.toISOString(),
      machine: facts,
      options,
      limits: LIMITS,
      observed,
      lives,
      verdict,
      notes: NOTES,
    });
    // A run that was stopped is no result: it must not take the place of one.
    const named = stop.aborted ? undefined : options.page;
    const file = named === undefined ? join(workDir, 'soak.md') : resolve(root, named);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, page);
    process.stdout.write(`\n${page}\n`);
    say(`page: ${file}`);
    return verdict.exit;
  } finally {
    samples.end();
    await platform.down().then(
      () => say('the platform is down'),
      (error: unknown) => say(`the platform could not be ended: ${reasonOf(error)}`),
    );
  }
}

const options = parseOptions(process.argv.slice(2));
if (typeof options === 'string') {
  process.stderr.write(`${options}\n  ${USAGE}\n`);
  process.exitCode = EXIT.usage;
} else {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      say(`${signal}: ending the load and the platform`);
      stop.abort(signal);
    });
  process.exitCode = await soak(options, stop.signal).catch((error: unknown) => {
    process.stderr.write(`${reasonOf(error)}\n`);
    return EXIT.bug;
  });
  if (stop.signal.aborted) process.exitCode = 128 + constants.signals[stop.signal.reason as 'SIGINT'];
}
