import { describe, expect, it } from 'vitest';
import { LIMITS } from './judge.ts';
import { pageOf } from './page.ts';
import { examinedWith, livesWith, OPTIONS, observedWith } from './soak-fixture.ts';
import { verdictOf } from './verdict.ts';

function pageWith(observed = observedWith(), lives = livesWith()): string {
  return pageOf({
    startedAt: '2026-11-26T00:00:00.000Z',
    machine: { cpu: '2 × some' },
    options: OPTIONS,
    limits: LIMITS,
    observed,
    lives,
    verdict: verdictOf(observed, lives, OPTIONS),
    notes: ['a note'],
  });
}

describe('the page of a soak', () => {
  it('says first what came of it, and how to run it again', () => {
    const page = pageWith();
    expect(page).toContain('**HELD** (exit 0): 179,000 acknowledged · 0 lost · 5 kills.');
    expect(page).toContain('npm run test:soak -- --minutes 30 --rate 100 --seed 1 --kill-every 60s');
    expect(page).toContain('| cpu | 2 × some |');
    expect(page).toContain('- a note');
  });

  it('has a row for each kill, each skipped kill and each judged process', () => {
    const [kill] = observedWith().kills;
    if (kill === undefined) throw new Error('no kill');
    const page = pageWith(observedWith({ skipped: [{ ...kill, why: 'kafka-2 was not back yet' }] }));
    expect(page).toContain('| 1.0 | broker-1 | 0.4 | 5.0 | 9.0 |');
    expect(page).toContain('| 1.0 | broker-1: skipped, kafka-2 was not back yet |  |  |  |');
    expect(page).toContain('| gateway-1 | 25.0 | 0.00 | 0.00 | 100.0 → 100.0 | 30 → 30 | held |');
  });

  it('names what is broken and what is open, and marks the process that missed', () => {
    const page = pageWith(observedWith({ troubles: ['az-c was not read'] }), livesWith(2_000_000));
    expect(page).toContain('**NOT HELD** (exit 10)');
    expect(page).toContain('- broken: gateway-1 grows by 2.00 MB a minute, less than 1 is allowed');
    expect(page).toContain('- open: az-c was not read');
    expect(page).toContain('| **missed** |');
  });

  it('calls a run without final reads not judged, never lossless', () => {
    const page = pageWith(observedWith({ examined: undefined, troubles: ['the final reads failed: x'] }));
    expect(page).toContain('**INCONCLUSIVE** (exit 12): the history was not judged.');
    expect(page).not.toContain('0 lost');
    const found = examinedWith({ verdict: 'inconclusive', reasons: ['the API was not read'] });
    expect(pageWith(observedWith({ examined: found }))).toContain('INCONCLUSIVE');
  });
});
