import { expect } from 'vitest';
import { expectExit, type ProofSandbox } from './sandbox.ts';
import { documentOf } from './sandbox-cli.ts';

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

/** Within this they answer, all at once, on a machine that is busy with everything else. */
const WITHIN_MS = 20_000;
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
      expect(`${name} took ${result.tookMs < WITHIN_MS ? 'seconds' : `${result.tookMs} ms`}`).toBe(
        `${name} took seconds`,
      );
      return [name, documentOf<Record<string, unknown>>(result)] as const;
    }),
  );
  return new Map(answers);
}
