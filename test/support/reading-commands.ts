import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { expectExit, expectSoon, type ProofSandbox } from './sandbox.ts';
import { documentOf } from './sandbox-cli.ts';
import { root } from './source-tree.ts';

/** What is gone. Postgres and Redis do not concern the topics, and nothing concerns what is on our own disk. */
export type Lost = 'broker' | 'replica' | 'master';

/** A command that only looks, and how it may end on a platform that has lost something. */
export interface ReadingCommand {
  readonly args: readonly string[];
  readonly exits: Readonly<Record<Lost, readonly number[]>>;
}

const always = (...exits: number[]): ReadingCommand['exits'] => ({
  broker: exits,
  replica: exits,
  master: exits,
});

/**
 * Every command that reads: one line each. `check` may not know at once what became of a replica or a master (12); it
 * knows at once that a broker does not answer (10).
 */
export const READING_COMMANDS: readonly ReadingCommand[] = [
  { args: ['check'], exits: { broker: [10], replica: [10, 12], master: [10, 12] } },
  // At once some groups may have no coordinator that answers.
  { args: ['lag', '--once'], exits: { broker: [0, 12], replica: [0], master: [0] } },
  { args: ['topics', 'plan'], exits: always(0) },
  { args: ['topics', 'verify'], exits: { broker: [10], replica: [0], master: [0] } },
  // 12 until the partitions that the dead broker led have another leader: nobody knows where they end.
  { args: ['lag', '--once'], exits: { broker: [0, 12], replica: [0], master: [0] } },
  { args: ['dlq', 'ls'], exits: always(0) },
  { args: ['dlq', 'show', 'reservations.events.dlq'], exits: always(0) },
  { args: ['dlq', 'plan', 'reservations.events.dlq'], exits: always(0) },
  { args: ['sandbox', 'status', '--name', '<sandbox>'], exits: always(10) },
  { args: ['drill', 'show', '<run>'], exits: always(0) },
  { args: ['config', 'show', '--origin'], exits: always(0) },
];

/** Beside them: what only prints. */
export const PRINTING_COMMANDS: readonly (readonly string[])[] = [
  ['sandbox', 'env', '--name', '<sandbox>'],
  ['sandbox', 'logs', 'kafka-1', '--name', '<sandbox>'],
  ['config', 'validate'],
  ['config', 'schema'],
  ['completion', 'bash'],
];

const FULL_MS = 90_000;

/** The exit code of a command whose standard output goes to a disk that is always full (Linux). */
export async function exitIntoFull(sandbox: ProofSandbox, args: readonly string[]): Promise<number> {
  const argv = [
    '-c',
    'exec "$0" "$@" > /dev/full',
    process.execPath,
    join(root, 'bin', 'uplift.js'),
    ...args,
  ];
  const env = { ...process.env, UPLIFT_STATE_DIR: sandbox.stateDir, UPLIFT_CONFIG: sandbox.configFile };
  return promisify(execFile)('sh', argv, { cwd: sandbox.workDir, env, timeout: FULL_MS }).then(
    () => 0,
    (error: { code?: number }) => error.code ?? -1,
  );
}

const STACK = /^\s+at .+:\d+:\d+\)?$/m;

/** Runs all of them side by side and holds each to its exit code, a whole document, and its time. */
export async function readEverything(
  sandbox: ProofSandbox,
  lost: Lost,
  runId: string,
): Promise<ReadonlyMap<string, Readonly<Record<string, unknown>>>> {
  const filled = (arg: string): string => arg.replace('<sandbox>', sandbox.name).replace('<run>', runId);
  const answers = await Promise.all(
    READING_COMMANDS.map(async ({ args, exits }) => {
      const result = await sandbox.run([...args.map(filled), '--output', 'json']);
      const name = args.slice(0, 2).join(' ');
      const allowed = exits[lost];
      if (result.exit === null || !allowed.includes(result.exit)) expectExit(result, allowed[0] ?? 0);
      expect(`${name}: ${result.stderr}`).not.toMatch(STACK);
      return [name, result] as const;
    }),
  );
  const beside = answers.find(([name]) => name === 'config show')?.[1];
  if (beside === undefined) expect.fail('nothing to measure against');
  const results = answers.map(([, result]) => result);
  expectSoon(results, beside);
  return new Map(answers.map(([name, result]) => [name, documentOf<Record<string, unknown>>(result)]));
}
