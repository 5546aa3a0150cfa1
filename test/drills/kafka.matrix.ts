import { appendFile, cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openRead, openTopics } from '../../src/clients/kafka/index.ts';
import type { Finding } from '../../src/core/finding.ts';
import type { DrillResult } from '../../src/drills/engine/result.ts';
import { PROBE_TOPIC } from '../../src/drills/kafka/probe-topic.ts';
import { ProofSandbox } from '../support/sandbox.ts';
import { drillRun } from '../support/sandbox-drills.ts';
import { withUnguardedGateways } from '../support/sandbox-gateways.ts';
import { seenRun } from '../support/sandbox-runs.ts';
import { sandboxOpinion } from '../support/sandbox-second-checker.ts';

const LOAD = ['--baseline', '3', '--rate', '130'];
const TEST_MS = 900_000;
/** At the first of them at which the unguarded service loses something, it has shown what it does. */
const SEEDS = [1, 2, 3];

let sandbox: ProofSandbox;

beforeAll(async () => {
  sandbox = await ProofSandbox.start();
}, 300_000);
afterAll(() => sandbox?.down());

const folderOf = ({ runId }: DrillResult): string => dirname(seenRun(sandbox, runId).journal);

/** A run to its end; only the time it took is not judged here: others use the machine too. */
async function drilled(id: string, ...more: string[]): Promise<DrillResult> {
  const { exit, result } = await drillRun(sandbox, id, [...LOAD, ...more]);
  process.stderr.write(`${id}: exit ${exit} ${JSON.stringify(result.reasons)}\n`);
  const { probe, judgement } = result;
  const counts = [judgement.acknowledged, judgement.lost.length, probe?.acknowledged, probe?.lostCount];
  process.stderr.write(`${JSON.stringify([counts, probe?.struck, probe?.refused, probe?.unknown])}\n`);
  expect(result).toMatchObject({ restored: 'restored', topologyDiff: [] });
  expect(probe).toMatchObject({
    ...{ store: 'Kafka', lost: [], lostCount: 0, phantom: [], duplicate: [], unread: [], places: 24 },
    proof: { planted: 24, named: 24 },
  });
  expect(probe?.struck.acknowledgedJustBefore).toBeGreaterThan(0);
  expect(probe?.struck.acknowledgedAfter).toBeGreaterThan(100);
  return result;
}

/** On a machine that is too busy a drill may be ended before its time; what was promised holds all the same. */
function expectKept({ judgement, reasons }: DrillResult): void {
  expect(judgement).toMatchObject({ lost: [], duplicates: [], phantoms: [], oversold: [], outOfOrder: [] });
  expect(judgement.acknowledged).toBeGreaterThan(300);
  expect(reasons.filter((reason) => /probe|acknowledged operations lost/.test(reason))).toEqual([]);
}

async function recordsOfProbe(): Promise<number> {
  const read = openRead(await sandbox.kafkaTarget());
  try {
    const bounds = await read.bounds([PROBE_TOPIC], { timeoutMs: 10_000 });
    return bounds.reduce((sum, { startOffset, endOffset }) => sum + Number(endOffset - startOffset), 0);
  } finally {
    await read.close();
  }
}

/** A copy of a run's folder with one more line in a file. */
async function withLine<T>(
  run: DrillResult,
  lines: Readonly<Record<string, readonly object[]>>,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'uplift-planted-'));
  try {
    await cp(folderOf(run), folder, { recursive: true });
    for (const [name, entries] of Object.entries(lines))
      for (const entry of entries) await appendFile(join(folder, name), `${JSON.stringify(entry)}\n`);
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe('the drills of Kafka with a store probe', () => {
  test(
    'a broker that hangs: nothing lost by service or store, and nothing left of the probe',
    async () => {
      const result = await drilled('kafka-broker-hang');
      expectKept(result);
      expect(result.probe?.struck.silentMs).toBeGreaterThan(1000);
      expect(await recordsOfProbe()).toBe(0);
    },
    TEST_MS,
  );

  test(
    'leaders that move under the reference service: the topic that was made is moved along and put back',
    async () => {
      const result = await drilled('kafka-producer-safety');
      expectKept(result);
      expect(result.probe?.struck.acknowledgedAfter).toBeGreaterThan(500);
      expect(await recordsOfProbe()).toBe(0);
    },
    TEST_MS,
  );

  test(
    'a broker that is killed: a second checker finds nothing missing, and what was planted',
    async () => {
      const result = await drilled('kafka-broker-loss', '--keep-probe');
      expectKept(result);
      expect(await recordsOfProbe()).toBeGreaterThanOrEqual(result.probe?.acknowledged ?? 0);
      const folder = folderOf(result);
      expect(await sandboxOpinion(sandbox, folder)).toMatchObject({ exit: 0, missing: [] });
      expect(await sandboxOpinion(sandbox, folder, 'probe')).toMatchObject({ exit: 0, missing: [] });
      const planted = {
        'history.ndjson': [
          { t: 'invoke', op: -1, event: 'planted' },
          { t: 'ok', op: -1 },
        ],
        'probe.ndjson': [{ id: 'planted', group: `${PROBE_TOPIC}/0`, endedNs: '0', outcome: 'ok' }],
      };
      await withLine(result, planted, async (copy) => {
        for (const of of ['service', 'probe'] as const)
          expect(await sandboxOpinion(sandbox, copy, of)).toMatchObject({ exit: 10, missing: ['planted'] });
      });
    },
    TEST_MS,
  );

  test(
    'leaders that move under a service whose producer believes kafkajs: it deviates, and a second checker names the same ids',
    async () => {
      const putBack = await withUnguardedGateways(sandbox);
      try {
        let lossy: DrillResult | undefined;
        for (const seed of SEEDS) {
          const result = await drilled('kafka-producer-safety', '--seed', String(seed), '--rate', '150');
          if (result.judgement.lost.length > 0) lossy = result;
          if (lossy !== undefined) break;
        }
        if (lossy === undefined) expect.fail('it never lost anything');
        expect(lossy).toMatchObject({ hypothesis: 'deviated' });
        const hops = new Set(lossy.judgement.lost.map(({ hop }) => hop));
        expect(hops).toEqual(new Set(['gateway → commands log']));
        const shown = await sandbox.json<{ result: DrillResult }>(
          ['drill', 'show', lossy.runId, '--lost'],
          0,
        );
        const lost = shown.result.judgement.lost.map(({ eventId }) => eventId);
        const { exit, missing } = await sandboxOpinion(sandbox, folderOf(lossy));
        expect({ exit, missing }).toEqual({ exit: 10, missing: lost.toSorted() });
      } finally {
        await putBack();
      }
    },
    2 * TEST_MS,
  );
});

// The last one: its topic stays, and no drill on a broker begins any more.
test('a topic that nobody declares with its only replica on the victim: refused by name', async () => {
  const topics = openTopics(await sandbox.kafkaTarget());
  try {
    const spec = { name: 'scratch', assignment: [[1], [2], [3]], configs: { 'min.insync.replicas': '1' } };
    const made = await topics.create([spec], { validateOnly: false, timeoutMs: 10_000 });
    expect(made).toMatchObject([{ error: null }]);
  } finally {
    await topics.close();
  }
  const plan = ['drill', 'plan', 'kafka-broker-loss'];
  const { findings } = await sandbox.json<{ findings: Finding[] }>(plan, 15);
  const of = (name: string): Finding | undefined => findings.find(({ id }) => id === `drill.kafka.${name}`);
  expect(of('isr')).toMatchObject({
    status: 'fail',
    summary: expect.stringMatching(/^1 partitions have their only replica on the victim \(scratch\/[012]\)$/),
  });
  expect(of('headroom')).toMatchObject({
    status: 'fail',
    summary: expect.stringContaining('would stop taking writes (scratch/'),
  });
  for (const name of ['quorum', 'throttles', 'preferred']) expect(of(name)?.status).toBe('pass');
});
