import { rm, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parse, stringify } from 'yaml';
import { statusOf } from '../../src/clients/process/status.ts';
import { waitFor } from '../../src/core/wait.ts';
import { diffTopology, type KafkaTopology, topologyOf } from '../../src/drills/kafka/topology.ts';
import { readHistory } from '../../src/load/history-reader.ts';
import { readRecord } from '../../src/record/open.ts';
import { pendingUndo } from '../../src/steps/journal-kinds.ts';
import { expectExit, type ProofSandbox } from '../support/sandbox.ts';
import { runCli } from '../support/sandbox-cli.ts';
import { runIds, type SeenRun, seenRun } from '../support/sandbox-runs.ts';
import { root } from '../support/source-tree.ts';
import type { PointSignal } from './plan.ts';
import type { Ended } from './process.ts';
import type { TraceWatch } from './traces.ts';

const CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * The status a shell would see: the signal's code, or for SIGKILL the death itself. A command that is met before it listens
 * (Node has not loaded it yet) dies of the signal: the same status, and nothing was begun.
 */
export function expectEnd(ended: Ended, signal: PointSignal): void {
  const status = ended.exit ?? 128 + (constants.signals[ended.signal ?? 'SIGKILL'] ?? 0);
  const wanted = signal === 'SIGKILL' ? 128 + constants.signals.SIGKILL : CODES[signal];
  const said = status === wanted ? '' : `\n${ended.stdout}\n${ended.stderr}`;
  expect(`status ${status}${said}`).toBe(`status ${wanted}`);
}

/**
 * After a signal that can be heard nothing of the sandbox is there; after SIGKILL nothing once `down` was typed, at
 * once. What it ever occupied was noted while it came: processes, ports, folders, shared memory.
 */
export async function expectNoSandbox(traces: TraceWatch, needsDown: boolean): Promise<void> {
  if (!needsDown) expect(await traces.left()).toEqual([]);
  await traces.look();
  const down = await runCli(['sandbox', 'down', '--name', traces.name], {
    cwd: root,
    env: { UPLIFT_STATE_DIR: traces.stateDir },
    timeoutMs: 150_000,
  });
  expectExit(down, 0);
  expect(await traces.left()).toEqual([]);
}

/** As the test's own client sees it. */
export function topologyNow(sandbox: ProofSandbox): Promise<KafkaTopology> {
  return sandbox.withCluster(async (cluster) => topologyOf(await cluster.describe({ timeoutMs: 10_000 })));
}

/** All brokers run, and leaders, replicas and ISR are what they were. */
export async function expectAsBefore(sandbox: ProofSandbox, before: KafkaTopology): Promise<void> {
  const states = await Promise.all((await sandbox.units('kafka')).map(statusOf));
  expect(states.map(({ state }) => state)).toEqual(states.map(() => 'running'));
  expect(diffTopology(before, await topologyNow(sandbox))).toEqual([]);
}

/** A drill's run is sealed and owes nothing. */
export async function expectSettled(run: SeenRun): Promise<void> {
  const record = await readRecord(run.journal);
  expect(record.problems).toEqual([]);
  expect(record.status).toBe('sealed');
  expect(pendingUndo(record.entries)).toEqual([]);
}

/** The record of an apply: sealed whatever signal it could hear; one that was killed is cut, and owes nothing. */
export async function recordOfApply(sandbox: ProofSandbox, known: readonly string[], signal: PointSignal) {
  const own = (await runIds(sandbox)).find((id) => !known.includes(id));
  if (own === undefined) return 'no run begun';
  const record = await readRecord(seenRun(sandbox, own).journal).catch(() => undefined);
  if (record === undefined) return 'no record begun';
  expect(record.problems.filter(() => record.status === 'broken')).toEqual([]);
  expect(pendingUndo(record.entries)).toEqual([]);
  if (signal !== 'SIGKILL') expect(record.status).toBe('sealed');
  return `record ${record.status}`;
}

/** Every whole line of the history is one; answers the acknowledged operations on disk. */
export async function acknowledgedIn(history: string): Promise<number> {
  let acknowledged = 0;
  await readHistory(history, (entry) => {
    if (entry.t === 'ok') acknowledged += 1;
  });
  return acknowledged;
}

/** An uplift.yaml of the same platform that declares other, small topics. */
export async function otherTopics(sandbox: ProofSandbox, prefix: string, text: string): Promise<string> {
  const document = parse(text) as { topics: unknown };
  const size = { partitions: 3, replicationFactor: 3, minInsyncReplicas: 2 };
  document.topics = ['one', 'two', 'three'].map((name) => ({ name: `${prefix}.${name}`, ...size }));
  const file = join(sandbox.workDir, `${prefix}.yaml`);
  await writeFile(file, stringify(document));
  return file;
}

/** The service settles before the next point begins. */
export async function steady(sandbox: ProofSandbox): Promise<void> {
  await sandbox.serviceReady();
  await sandbox.withCluster((cluster) =>
    waitFor(
      async () => {
        const { topics } = await cluster.describe({ timeoutMs: 10_000 });
        return topics.every(({ partitions }) =>
          partitions.every(({ isr, replicas }) => isr.length === replicas.length),
        );
      },
      { what: 'every ISR full', timeoutMs: 60_000 },
    ),
  );
}

export const removed = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true });
