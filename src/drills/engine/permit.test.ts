import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import type { Finding } from '../../core/finding.ts';
import { openJournal } from '../../record/open.ts';
import { intentBody, STEP } from '../../steps/journal-kinds.ts';
import { stepOf } from '../../steps/kind.ts';
import { runFolder } from '../run-folder.ts';
import { killProjectorStep } from '../steps/service/index.ts';
import { finding } from './conditions.ts';
import type { Drill, DrillOptions, DrillPorts, Preparation } from './drill.ts';
import { lookAgain, prepareDrill } from './permit.ts';

const READY = {
  ...{ kind: 'ready', faultAt: 0, findings: [finding('a.b', 'well', 'pass', 'yes', 'q')] },
  steps: [stepOf(killProjectorStep, { units: '/units', id: 'projector-1' })],
} as unknown as Preparation;
const REFUSED: Preparation = { kind: 'refused', findings: [finding('a.b', 'well', 'fail', 'no', 'q')] };

function prepared(
  preparation: Preparation,
  permitted: readonly Finding[],
  { maxDurationMs = 7_200_000, recoveryTargetMs = 300_000 } = {},
) {
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
  const asks = { region: 'local', baselineMs: 1000, recoveryTargetMs };
  const options = { ...asks, limits, journalDir } as unknown as DrillOptions;
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
      'drill.observation',
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
    const { found } = await prepared(READY, [PASS], { maxDurationMs: 1000 });
    expect(found.kind).toBe('refused');
    expect(found.findings.find(({ id }) => id === 'drill.duration')?.status).toBe('fail');
  });

  it('refuses a drill that would put back before a recovery within its target can be seen, naming both settings', async () => {
    const { found } = await prepared(READY, [PASS], { recoveryTargetMs: 600_000 });
    expect(found.kind).toBe('refused');
    expect(found.findings.find(({ id }) => id === 'drill.observation')).toMatchObject({
      ...{ status: 'fail', region: 'local' },
      summary: 'drills.maxFault is 5 min 0 s, limits.recovery is 10 min 0 s',
    });
  });

  it('is told of a drill that is refused anyway', async () => {
    const { found, asked } = await prepared(REFUSED, [PASS]);
    expect(found.kind).toBe('refused');
    expect(found.findings.map(({ id }) => id)).toEqual([
      'drill.observation',
      'drill.stop',
      'drill.unfinished',
      'a.b',
    ]);
    expect(asked).toEqual([0]);
  });
});

it('the last look before the act sees what was left broken since the preflight, before it asks who is to be hit', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'uplift-permit-'));
  const runId = '01a21558-599f-77f4-bbf0-a44a24836f27';
  const again = lookAgain({ moved: async () => 'another leader' }, dir);
  expect(await again()).toBe('another leader');
  const folder = runFolder(dir, runId);
  await mkdir(folder.dir, { recursive: true });
  const journal = await openJournal(folder.journal, { runId, actor: 'test', clock: systemClock });
  const step = stepOf(killProjectorStep, { units: '/units', id: 'projector-1' });
  await journal.append(STEP.intent, intentBody({ step, describe: 'kill', reversible: true }));
  await expect(again()).rejects.toMatchObject({ code: 'UPL-DRILL-UNFINISHED', exit: 15 });
  await journal.close();
  await rm(dir, { recursive: true });
});
