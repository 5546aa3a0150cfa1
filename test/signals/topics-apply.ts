import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { parse, stringify } from 'yaml';
import { readRecord } from '../../src/record/open.ts';
import { pendingUndo } from '../../src/steps/journal-kinds.ts';
import type { ProofSandbox } from '../support/sandbox.ts';
import { runIds, seenRun } from '../support/sandbox-runs.ts';
import type { Attempt, TryPoint } from './attempt.ts';
import { problemsOf, strike, tail } from './strike.ts';

const BOUND_MS = 20_000;
let made = 0;

/**
 * Topics of its own for each attempt. Whatever the signal did, a second apply finishes and verify passes; the record of
 * the first is sealed where it could be.
 */
export const tryTopicsApply =
  (sandbox: ProofSandbox): TryPoint =>
  async (point, delayMs): Promise<Attempt> => {
    made += 1;
    const topics = [`struck.${made}.a`, `struck.${made}.b`];
    const config = await configWith(sandbox, topics);
    const run = (args: string[]): string[] => ['--config', config, 'topics', ...args];
    const known = await runIds(sandbox);
    const child = sandbox.start(run(['apply', '--yes']));
    const seen = (): Promise<boolean> => eventSeen(sandbox, known, point.moment.after);
    const struck = await strike({ child, point, seen, lookEveryMs: 2, delayMs });
    const problems = struck.tooLate ? [] : problemsOf(struck, point, BOUND_MS);
    const [own] = (await runIds(sandbox)).filter((id) => !known.includes(id));
    const record = own === undefined ? 'no run begun' : await recordOf(sandbox, own);
    if (record === 'unsealed' && point.signal !== 'SIGKILL') problems.push('its record is not sealed');
    if (record === 'broken') problems.push('its record is broken');
    for (const verb of [['apply', '--yes'], ['verify']]) {
      const again = await sandbox.run(run(verb));
      if (again.exit !== 0)
        problems.push(`topics ${verb[0]} afterwards: exit ${again.exit}: ${tail(again.stderr)}`);
    }
    await removeTopics(sandbox, topics);
    return { struck, afterwards: `${record}; a second apply finishes, verify passes`, problems };
  };

/** The sandbox's own configuration with other topics, beside it, because its paths are relative. */
async function configWith(sandbox: ProofSandbox, topics: readonly string[]): Promise<string> {
  const config = parse(await readFile(sandbox.configFile, 'utf8')) as Record<string, unknown>;
  config.topics = topics.map((name) => ({ name, partitions: 6, replicationFactor: 3, minInsyncReplicas: 2 }));
  const file = join(sandbox.dir, 'struck.yaml');
  await writeFile(file, stringify(config));
  return file;
}

async function eventSeen(sandbox: ProofSandbox, known: readonly string[], event: string): Promise<boolean> {
  if (event === 'start') return true;
  const [own] = (await runIds(sandbox)).filter((id) => !known.includes(id));
  if (own === undefined || event === 'run folder') return own !== undefined;
  const { entries } = await readRecord(seenRun(sandbox, own).journal);
  return entries.some(({ kind }) => event === `entry ${kind}`);
}

/** What kind of record the run left: a killed one may be cut anywhere, but nothing of it waits to be undone. */
async function recordOf(sandbox: ProofSandbox, runId: string): Promise<string> {
  const record = await readRecord(seenRun(sandbox, runId).journal).catch(() => undefined);
  if (record === undefined) return 'no record begun';
  return pendingUndo(record.entries).length === 0 ? record.status : 'waits to be undone';
}

async function removeTopics(sandbox: ProofSandbox, topics: string[]): Promise<void> {
  const brokers = (await sandbox.units('kafka')).map(({ labels }) => `127.0.0.1:${labels.port}`);
  const admin = new Kafka({ brokers, clientId: 'struck', logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await admin.deleteTopics({ topics, timeout: 30_000 });
  } finally {
    await admin.disconnect();
  }
}
