import { describe, expect, it } from 'vitest';
import type { Finding } from '../../core/finding.ts';
import { stepOf } from '../../steps/kind.ts';
import { killProjectorStep } from '../steps/service/index.ts';
import { finding } from './conditions.ts';
import type { Drill, DrillOptions, DrillPorts, Preparation } from './drill.ts';
import { prepareDrill } from './permit.ts';

const READY = {
  ...{ kind: 'ready', faultAt: 0, findings: [finding('a.b', 'well', 'pass', 'yes', 'q')] },
  steps: [stepOf(killProjectorStep, { units: '/units', id: 'projector-1' })],
} as unknown as Preparation;
const REFUSED: Preparation = { kind: 'refused', findings: [finding('a.b', 'well', 'fail', 'no', 'q')] };

function prepared(preparation: Preparation, permitted: readonly Finding[], maxDurationMs = 7_200_000) {
  const asked: number[] = [];
  const drill = { prepare: async () => preparation } as unknown as Drill;
  const permission = {
    findings: async (neededMs: number) => {
      asked.push(neededMs);
      return permitted;
    },
    stopped: async () => undefined,
  };
  const limits = { maxFaultMs: 300_000, maxDurationMs, maxShare: 1, abortErrorRate: 0.5, abortAfterS: 5 };
  const journalDir = '/nothing/ever/ran/here';
  const options = { region: 'local', baselineMs: 1000, limits, journalDir } as unknown as DrillOptions;
  return prepareDrill(
    drill,
    { permission, context: { serviceOf: () => ({}) } } as unknown as DrillPorts,
    options,
  ).then((found) => ({
    found,
    asked,
  }));
}

const PASS = finding('drill.stop', 'drills are not stopped', 'pass', 'nobody stopped them', 'q');

describe('what holds for every drill', () => {
  it('is asked with the longest that the drill may take, and stands beside what the drill found', async () => {
    const { found, asked } = await prepared(READY, [PASS]);
    expect(found.kind).toBe('ready');
    expect(found.findings.map(({ id }) => id)).toEqual([
      'drill.duration',
      'drill.stop',
      'drill.unfinished',
      'a.b',
    ]);
    expect(found.findings[1]?.region).toBe('local');
    expect(asked[0]).toBeGreaterThan(300_000);
  });

  it.each(['fail', 'inconclusive'] as const)(
    'refuses a drill that is ready when it is %s',
    async (status) => {
      const { found } = await prepared(READY, [{ ...PASS, status }]);
      expect(found.kind).toBe('refused');
    },
  );

  it('refuses a drill that could take too long', async () => {
    const { found } = await prepared(READY, [PASS], 1000);
    expect(found.kind).toBe('refused');
    expect(found.findings.find(({ id }) => id === 'drill.duration')?.status).toBe('fail');
  });

  it('is told of a drill that is refused anyway', async () => {
    const { found, asked } = await prepared(REFUSED, [PASS]);
    expect(found.kind).toBe('refused');
    expect(found.findings.map(({ id }) => id)).toEqual(['drill.stop', 'drill.unfinished', 'a.b']);
    expect(asked).toEqual([0]);
  });
});
