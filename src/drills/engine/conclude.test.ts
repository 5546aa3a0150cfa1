import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openHistory } from '../../load/history.ts';
import type { Second } from '../../load/timeline.ts';
import type { ProbeReads } from '../probe/probe.ts';
import { runFolder } from '../run-folder.ts';
import { type Concluding, conclude, lookAtDifferences } from './conclude.ts';
import type { Drill, DrillOptions, DrillPorts } from './drill.ts';
import type { DrillResult } from './result.ts';

const target = 'Kafka cluster abc';

it('one look at what differs that fails is taken again', async () => {
  const answers = [() => Promise.reject(new Error('no answer')), async () => ['broker 2 has no rack']];
  const differences = (): Promise<string[]> => answers.shift()?.() ?? Promise.resolve([]);
  expect(await lookAtDifferences({ target, differences }, 5000)).toEqual(['broker 2 has no rack']);
});

it('no difference is an answer', async () => {
  expect(await lookAtDifferences({ target, differences: async () => [] })).toEqual([]);
});

it('what cannot be looked at is a difference, not the end of the verdict', async () => {
  const differences = (): Promise<never> => Promise.reject(new Error('no answer'));
  expect(await lookAtDifferences({ target, differences }, 0)).toEqual([
    expect.stringMatching(/^Kafka cluster abc could not be looked at: .*no answer/),
  ]);
});

const MS = 1_000_000n;
const [FAULT_NS, RESTORED_NS] = [10_000n * MS, 15_000n * MS];
const HEADER = {
  ...{ t: 'header', v: 1, runId: 'run-1', tenant: 't', wallMs: 0, monoNs: '0', ratePerS: 100 },
  ...{ partitions: 2, seed: 1, gateways: [] },
} as never;

/** Out from the fault until the restore had ended, well before and after. */
const timeline = Array.from({ length: 30 }, (_, second): Second => {
  const out = second >= 10 && second < 15;
  const none = { fail: 0, info: 0, firstAckUs: null, lastAckUs: null, firstFailureUs: null };
  return { second, ok: out ? 0 : 100, p50Ms: 10, p99Ms: out ? null : 20, ...none };
});

/** A run whose observation ended while it was out, and whose servers answer nothing after it. */
async function concluded(read: () => Promise<ProbeReads>, recoveryTargetMs: number) {
  const dir = await mkdtemp(join(tmpdir(), 'uplift-conclude-'));
  const folder = runFolder(dir, 'run-1');
  await mkdir(folder.dir, { recursive: true });
  await (await openHistory({ path: folder.history, header: HEADER })).close(30_000_000);
  const away = () => Promise.reject(new Error('no answer'));
  const kinds: string[] = [];
  const ports = {
    progress: () => undefined,
    journal: { append: async (kind: string) => void kinds.push(kind) },
    ...{ read: { bounds: away }, http: { request: away } },
    ...{ writer: { name: 'az-a', ask: { query: away } }, replicas: [] },
  } as unknown as DrillPorts;
  const summary = { acknowledged: 2500, scheduledMs: 30_000, p99Ms: null, truncated: false, sha256: '' };
  const acks = { count: 0, atUs: () => 0, partition: () => 0 };
  const load = {
    ...{ timeline: () => timeline, acks, atUs: (ns: bigint) => Number(ns / 1000n) },
    stop: async () => summary,
  };
  const written = { id: 'a', group: 'shard 1', endedNs: FAULT_NS - MS, outcome: 'ok' as const };
  const probe = {
    ...{ store: 'Redis', durability: 'SET', struck: new Set(['shard 1']), read },
    ...{ stop: async () => undefined, writes: () => [written] },
  };
  const seen = { detectMs: null, electMs: null, reconnectMs: null, backInsideSloMs: null };
  const moments = { detectedNs: null, electedNs: FAULT_NS + MS, reconnectedNs: FAULT_NS + MS };
  const observation = { lastedMs: 3000, outsideMs: 3000 };
  const run = {
    prepared: { probe, differences: async () => [], findings: [], expected: {}, partitions: undefined },
    baseline: { seconds: 10, okPerS: 100, p99Ms: 20, worstP99Ms: 20, errorRate: 0 },
    times: { faultNs: FAULT_NS, faultAtMs: 0, moments, seen, observation, aborted: undefined },
    ...{ load, restoredNs: RESTORED_NS },
  } as unknown as Concluding;
  const options = { runId: 'run-1', folder, gateways: [], timeoutMs: 100, recoveryTargetMs };
  const drill = { id: 'redis-shard-loss' } as Drill;
  const result: DrillResult = await conclude(drill, ports, options as unknown as DrillOptions, run);
  await rm(dir, { recursive: true });
  return { result, kinds };
}

describe('the verdict', () => {
  const whole = async (): Promise<ProbeReads> => ({
    places: [{ place: 'h:1', group: 'shard 1', ids: ['a'] }],
    unread: [],
  });

  it('does not take for a recovery what only came after the restore had begun', async () => {
    const open = await concluded(whole, 30_000);
    expect(open.result.recovery.backInsideSloMs).toBeNull();
    expect(open.result.interruption.backInsideSloMs).toBeNull();
    expect(open.result.hypothesis).toBe('inconclusive');
    expect(open.result.reasons).toContainEqual(expect.stringContaining('in the 3.0 s before the restore'));
    expect((await concluded(whole, 2000)).result).toMatchObject({
      hypothesis: 'deviated',
      reasons: ['outside its SLO for 3.0 s before the restore began, target 2.0 s'],
    });
  });

  it('stands in the record with a loss that was counted, though nobody answers the final reads', async () => {
    const lossy = async (): Promise<ProbeReads> => ({
      places: [{ place: 'h:1', group: 'shard 1', ids: [] }],
      unread: [],
    });
    const { result, kinds } = await concluded(lossy, 30_000);
    expect(kinds).toEqual(['drill.result']);
    expect(result).toMatchObject({
      hypothesis: 'deviated',
      reasons: ['Redis lost 1 acknowledged writes of the probe'],
    });
  });

  it('says what was not read: logs, servers, and a probe that cannot be read back', async () => {
    const { result, kinds } = await concluded(() => Promise.reject(new Error('no Redis')), 30_000);
    expect(kinds).toEqual(['drill.result']);
    expect(result.hypothesis).toBe('inconclusive');
    for (const what of [/^the last commands could not be read/, /^Postgres az-a could not/, /no Redis$/])
      expect(result.reasons).toContainEqual(expect.stringMatching(what));
  });
});
