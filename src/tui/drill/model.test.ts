import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LiveLoad } from '../../core/live.ts';
import { type DrillView, emptyView, foldView, SECONDS_KEPT, VIEW_PHASES, type ViewPhase } from './model.ts';
import { anyEvent, BROKER_LOSS, INTERRUPTED, viewAt } from './view-fixture.ts';

const marks = (view: DrillView) => VIEW_PHASES.map((phase) => view.phases[phase].mark);

describe('the fold of a drill', () => {
  it('begins with its preflight', () => {
    const view = emptyView('kafka-broker-loss', 7);
    expect(view.phase).toBe('preflight');
    expect(marks(view)).toEqual(['running', ...Array.from({ length: 6 }, () => 'waiting')]);
  });

  it.each<[number, ViewPhase]>([
    [4000, 'preflight'],
    [10_000, 'baseline'],
    [21_000, 'fault'],
    [30_000, 'restore'],
    [35_000, 'after'],
    [37_800, 'final reads'],
    [42_000, 'verdict'],
  ])('is at %i ms in the phase %s', (atMs, phase) => {
    const view = viewAt(BROKER_LOSS, 'kafka-broker-loss', atMs);
    expect(view.phase).toBe(phase);
    expect(view.phases[phase].mark).toBe('running');
  });

  it('marks what was done, with how long it took, and what came of it', () => {
    const view = viewAt(BROKER_LOSS, 'kafka-broker-loss', 42_000);
    expect(marks(view)).toEqual(['done', 'done', 'done', 'done', 'done', 'done', 'running']);
    expect(view.phases.fault).toMatchObject({
      beganMs: 19_502,
      endedMs: 27_200,
      text: 'leaders moved 3.2 s · writes again 3.4 s · inside SLO 4.1 s',
    });
    expect(view.restoredInMs).toBe(14_000);
    expect(view.loadEnded).toBe('5,912 acknowledged in 32.4 s · p99 890 ms');
  });

  it('calls a phase that was interrupted ended, not done', () => {
    const view = viewAt(INTERRUPTED, 'postgres-switchover', 10_000);
    expect(marks(view).slice(0, 4)).toEqual(['done', 'done', 'ended', 'running']);
    expect(view.stepsBegun).toBe(2);
  });

  it('does not go on to the final reads when the load was told to end', () => {
    const asked = foldView(viewAt(BROKER_LOSS, 'x', 35_000), { kind: 'asked', reason: 'SIGINT' }, 35_100);
    const view = foldView(asked, { kind: 'phase', phase: 'after', state: 'ended' }, 35_200);
    expect(view.phases.after.mark).toBe('ended');
    expect(view.phases['final reads'].mark).toBe('waiting');
  });

  it('waits for the baseline after the preflight, and its clock starts when it begins', () => {
    const waiting = viewAt(BROKER_LOSS, 'kafka-broker-loss', 5000);
    expect(waiting.phases.baseline).toMatchObject({ mark: 'running', beganMs: 5000 });
    expect(viewAt(BROKER_LOSS, 'kafka-broker-loss', 5500).phases.baseline.beganMs).toBe(5500);
  });

  it('counts a second of the load once, and keeps the last sixty', () => {
    const row = (second: number) => ({ second, ok: second, failing: 0 });
    const load = (from: number, to: number): LiveLoad => ({
      kind: 'load',
      ...{ acknowledged: 0, inFlight: 0, p99Ms: null, ageMs: 0 },
      seconds: Array.from({ length: to - from }, (_, at) => row(from + at)),
    });
    const view = [load(0, 40), load(30, 70)].reduce(
      (known, event) => foldView(known, event, 0),
      emptyView('x', 0),
    );
    expect(view.seconds).toEqual(Array.from({ length: SECONDS_KEPT }, (_, at) => row(10 + at)));
  });

  it('makes a view of any events in any order, of bounded size', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1e6), anyEvent), { maxLength: 60 }), (events) => {
        const view = events.reduce((known, [at, event]) => foldView(known, event, at), emptyView('x', 0));
        expect(view.seconds.length).toBeLessThanOrEqual(SECONDS_KEPT);
        expect(view.notes.length).toBeLessThanOrEqual(20);
        expect(view.seconds.map(({ second }) => second)).toEqual(
          [...new Set(view.seconds.map(({ second }) => second))].toSorted((a, b) => a - b),
        );
        expect(
          VIEW_PHASES.filter((phase) => view.phases[phase].mark === 'running').length,
        ).toBeLessThanOrEqual(1);
      }),
      { numRuns: 300 },
    );
  });
});
