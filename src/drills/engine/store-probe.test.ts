import { describe, expect, it } from 'vitest';
import type { Block } from '../../core/blocks.ts';
import type { ProbeReport } from '../probe/judge.ts';
import { judgeRun } from './conclude.ts';
import { presentDrill } from './present.ts';
import type { DrillResult } from './result.ts';

const LOST = Array.from({ length: 12 }, (_, n) => ({
  id: `uplift_probe:{t1}:run:${n}`,
  group: 'h:1',
  acknowledgedAfterFaultMs: n - 20,
  missingAt: ['h:1', 'h:4'],
}));

function report(change: Partial<ProbeReport> = {}): ProbeReport {
  return {
    ...{ store: 'Redis', durability: 'SET without WAIT, 100/s over 3 shards', acknowledged: 3000 },
    ...{ refused: 200, unknown: 2, unknownFound: 1, lost: [], lostCount: 0, phantom: [], duplicate: [] },
    ...{ places: 6, unread: [], proof: { planted: 6, named: 6 } },
    struck: { acknowledgedJustBefore: 33, acknowledgedAfter: 500, silentMs: 4200 },
    ...change,
  };
}

const lossy = report({ lost: LOST, lostCount: 12 });
const recovery = { detectMs: 2500, electMs: 1200, reconnectMs: 20, backInsideSloMs: 3720 };

function judged(probe: ProbeReport | undefined) {
  return judgeRun({
    prepared: { coverageNeeded: { acknowledgedInFaultWindow: 100, acknowledgedJustBeforeOnVictim: 1 } },
    examined: { judgement: { verdict: 'pass', reasons: [] }, troubles: [] },
    summary: { truncated: false },
    coverage: { acknowledgedInFaultWindow: 300, acknowledgedJustBeforeOnVictim: 40 },
    options: { recoveryTargetMs: 30_000 },
    ...{ aborted: undefined, recovery, probe, observation: { lastedMs: 6000, outsideMs: 3000 } },
  });
}

describe('a drill with a store probe', () => {
  it('holds when service and store kept everything, and deviates when the store alone lost something', () => {
    expect(judged(undefined).hypothesis).toBe('held');
    expect(judged(report())).toEqual({ hypothesis: 'held', reasons: [] });
    expect(judged(lossy)).toEqual({
      hypothesis: 'deviated',
      reasons: ['Redis lost 12 acknowledged writes of the probe'],
    });
  });

  it('is inconclusive when the store was not read everywhere', () => {
    const unread = ['h:4 had not caught up with its Redis master'];
    expect(judged(report({ unread }))).toEqual({ hypothesis: 'inconclusive', reasons: unread });
  });

  it('shows what was lost by id, ten at first, with what to type for all of them', () => {
    const [first] = textsOf(false, 'LOST BY THE STORE');
    expect(first).toEqual(['uplift_probe:{t1}:run:0', '20 ms before', 'h:1, h:4']);
    expect(textsOf(false, 'LOST BY THE STORE').at(-1)?.[0]).toBe('… 2 more');
    expect(textsOf(true, 'LOST BY THE STORE')).toHaveLength(12);
    expect(present(false).at(-1)).toEqual({ kind: 'next', command: 'uplift drill show run --lost' });
    const rows = present(false).flatMap((block) => (block.kind === 'keyValues' ? block.rows : []));
    expect(new Map(rows).get('store probe')).toBe(
      'Redis, SET without WAIT, 100/s over 3 shards: 3,000 acknowledged, 12 lost, 200 refused, 2 unknown (1 found)',
    );
  });
});

function textsOf(allLost: boolean, title: string): readonly (readonly string[])[] {
  const table = present(allLost).find((block) => block.kind === 'table' && block.columns[0]?.title === title);
  return table?.kind === 'table' ? table.rows : [];
}

it('names the checks where something differs after the restore: its record is sealed, and nothing is left to undo', () => {
  const shown = present(false, { restored: 'notRestored', topologyDiff: ['broker 2 has no rack'] });
  expect(shown.at(-1)).toEqual({ kind: 'next', command: 'uplift check' });
});

function present(allLost: boolean, change: Partial<DrillResult> = {}): Block[] {
  const result = {
    ...{ drill: 'redis-shard-loss', runId: 'run', region: 'local', environment: 'test', target: 'Redis' },
    ...{
      execution: 'completed',
      hypothesis: 'deviated',
      restored: 'restored',
      reasons: [],
      fault: 'SIGKILL',
    },
    ...{
      faultAtMs: 0,
      recovery,
      recoveryTargetMs: 30_000,
      restoredInMs: 9000,
      expected: {},
      topologyDiff: [],
    },
    interruption: { acknowledgementGapMs: 100, errorWindowMs: null, backInsideSloMs: 3720 },
    coverage: { acknowledgedInFaultWindow: 300, acknowledgedJustBeforeOnVictim: 40 },
    judgement: {
      ...{ acknowledged: 900, unknown: 0, unknownFound: 0, lost: [], duplicates: [], repeated: [] },
      ends: { accepted: 900, rejected: 0, deadLettered: 0 },
    },
    proof: { proved: true, probes: [] },
    probe: { ...lossy, history: { path: 'probe.ndjson', sha256: '' } },
    finalReads: { partitions: 48, commands: 1, events: 1, servers: 3, api: 900 },
    ...change,
  } as unknown as DrillResult;
  return presentDrill(result, { lines: 18, head: 'abcdef0123' }, { allLost });
}
