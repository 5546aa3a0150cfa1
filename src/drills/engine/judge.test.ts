import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DrillEvidence, exitOfDrill, judgeEvidence } from './judge.ts';

const good: DrillEvidence = {
  broken: [],
  missing: [],
  coverage: { acknowledgedInFaultWindow: 1000, acknowledgedJustBeforeOnVictim: 1 },
  recovery: { detectMs: 3000, electMs: 0, reconnectMs: 200, backInsideSloMs: 4000 },
  observation: { lastedMs: 6000, outsideMs: 4000 },
  recoveryTargetMs: 30_000,
};
const unseen = { ...good.recovery, backInsideSloMs: null };

describe('judging a drill', () => {
  it('holds only with full coverage, a seen recovery and nothing broken', () => {
    expect(judgeEvidence(good)).toEqual({ hypothesis: 'held', reasons: [] });
  });

  it('is inconclusive, never held, when too little was acknowledged where it matters', () => {
    for (const coverage of [
      { ...good.coverage, acknowledgedInFaultWindow: 999 },
      { ...good.coverage, acknowledgedJustBeforeOnVictim: 0 },
    ]) {
      expect(judgeEvidence({ ...good, coverage }).hypothesis).toBe('inconclusive');
    }
    expect(judgeEvidence({ ...good, missing: ['Postgres replica az-c was not read'] }).hypothesis).toBe(
      'inconclusive',
    );
    expect(judgeEvidence({ ...good, recovery: { ...good.recovery, backInsideSloMs: null } }).hypothesis).toBe(
      'inconclusive',
    );
  });

  it('needs as much as the drill says where the drill says it', () => {
    const coverage = { acknowledgedInFaultWindow: 100, acknowledgedJustBeforeOnVictim: 1 };
    expect(judgeEvidence({ ...good, coverage, coverageNeeded: coverage }).hypothesis).toBe('held');
    const fewer = { ...coverage, acknowledgedInFaultWindow: 99 };
    expect(judgeEvidence({ ...good, coverage: fewer, coverageNeeded: coverage })).toEqual({
      hypothesis: 'inconclusive',
      reasons: ['only 99 acknowledgements in the fault window, 100 needed'],
    });
  });

  it('deviates whenever one acknowledged operation is lost, whatever else is missing', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1 }), fc.array(fc.string()), (broken, missing) => {
        expect(judgeEvidence({ ...good, broken, missing }).hypothesis).toBe('deviated');
      }),
    );
  });

  it('deviates when everything is there but the recovery target was missed', () => {
    expect(
      judgeEvidence({ ...good, recovery: { ...good.recovery, backInsideSloMs: 30_001 } }).hypothesis,
    ).toBe('deviated');
  });

  it('never holds by what came after the restore began: a recovery that was not seen by then is open', () => {
    const observation = { lastedMs: 31_000, outsideMs: 30_000 };
    expect(judgeEvidence({ ...good, recovery: unseen, observation })).toEqual({
      hypothesis: 'inconclusive',
      reasons: [
        'the platform was not seen back inside its SLO in the 31.0 s before the restore began: what came after that does not count',
      ],
    });
  });

  it('deviates where the load was outside its SLO for longer than the target until the restore began', () => {
    const observation = { lastedMs: 60_000, outsideMs: 58_000 };
    expect(judgeEvidence({ ...good, recovery: unseen, observation })).toEqual({
      hypothesis: 'deviated',
      reasons: ['outside its SLO for 58.0 s before the restore began, target 30.0 s'],
    });
  });

  it('is not held without a recovery, whatever else was seen', () => {
    const ms = fc.nat(1e6);
    const count = fc.nat(1e5);
    fc.assert(
      fc.property(ms, ms, ms, count, count, (lastedMs, outsideMs, recoveryTargetMs, after, before) => {
        const coverage = { acknowledgedInFaultWindow: after, acknowledgedJustBeforeOnVictim: before };
        const observation = { lastedMs, outsideMs };
        const evidence = { ...good, coverage, observation, recoveryTargetMs, recovery: unseen };
        const { hypothesis, reasons } = judgeEvidence(evidence);
        expect(hypothesis).toBe(outsideMs > recoveryTargetMs ? 'deviated' : 'inconclusive');
        expect(reasons.length).toBeGreaterThan(0);
      }),
    );
  });

  it('exits 16 when not restored, whatever the verdict', () => {
    expect(exitOfDrill({ execution: 'completed', hypothesis: 'deviated', restored: 'notRestored' })).toBe(16);
    expect(exitOfDrill({ execution: 'completed', hypothesis: 'held', restored: 'restored' })).toBe(0);
    expect(exitOfDrill({ execution: 'completed', hypothesis: 'inconclusive', restored: 'restored' })).toBe(
      12,
    );
    expect(exitOfDrill({ execution: 'completed', hypothesis: 'deviated', restored: 'restored' })).toBe(10);
  });
});
