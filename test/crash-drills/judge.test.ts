import { describe, expect, it } from 'vitest';
import type { Examined } from '../../src/drills/engine/examine.ts';
import type { Entry } from '../../src/record/envelope.ts';
import { type Seen, verdictOf } from './judge.ts';
import { changed } from './stores.ts';

const point = { step: 2, kind: 'drill.killBroker', column: 'run' } as const;

const entry = (seq: number, kind: string, body: unknown, actor = 'drill.run pid 1'): Entry =>
  ({ seq, kind, body, actor }) as unknown as Entry;
const intent = (seq: number, kind: string): Entry =>
  entry(seq, 'step.intent', { step: { kind, version: 1, args: {} }, describe: kind, reversible: true });
const RECOVER = 'drill.recover pid 2';
const ENTRIES: readonly Entry[] = [
  intent(0, 'drill.holdTopology'),
  entry(1, 'step.done', { intent: 0 }),
  entry(2, 'step.verified', { intent: 0 }),
  intent(3, 'drill.killBroker'),
  entry(4, 'step.undoIntent', { intent: 3 }, RECOVER),
  entry(5, 'step.undone', { intent: 3 }, RECOVER),
  entry(6, 'step.undone', { intent: 0 }, RECOVER),
  entry(7, 'drill.ended', { execution: 'interrupted' }, RECOVER),
];

const load = (over: Partial<Examined['judgement']> = {}, troubles: string[] = []): Seen['after'] => ({
  judgement: {
    ...{ verdict: 'pass', reasons: [], acknowledged: 100, unknown: 0 },
    ...{ lost: [], duplicates: [], oversold: [] },
    ...over,
  } as unknown as Examined['judgement'],
  troubles,
});

const runs = [{ runId: 'r', undone: ['kill', 'hold'], failed: [], sealed: true }];
const seen = (over: Partial<Seen> = {}): Seen => ({
  ...{ runId: 'r', kind: 'drill.killBroker', watchdogs: 0, sealedBefore: false, verifyExit: 0 },
  ...{ recover: { exit: 0, runs }, again: { exit: 0, runs: [] }, differences: [], leftRunning: [] },
  record: { status: 'sealed', entries: ENTRIES, problems: [] },
  // Killed, its history has no end: that alone is nothing.
  ...{ killed: load({ verdict: 'inconclusive', reasons: ['no end'] }), after: load() },
  ...over,
});

describe('a point', () => {
  it('is passed when everything is as it was and nothing was lost', () => {
    const landed = { kind: 'step.intent', hit: true };
    expect(verdictOf(point, seen())).toEqual({ landed, wrong: [], open: [] });
  });

  it('is passed as well where a watchdog was first and nothing is left to recover', () => {
    const first = seen({ watchdogs: 1, sealedBefore: true, recover: { exit: 0, runs: [] } });
    expect(verdictOf(point, first)).toMatchObject({ wrong: [], open: [] });
  });

  const without = (...kinds: string[]) => ({
    record: {
      status: 'sealed' as const,
      problems: [],
      entries: ENTRIES.filter((e) => !kinds.includes(e.kind)),
    },
  });
  const lost = [{ eventId: 'x' }] as never;
  it.each<[string, Partial<Seen>, string]>([
    ['was not recovered', { recover: { exit: 16, runs } }, 'drill recover exits 16'],
    [
      'was recovered in part',
      { recover: { exit: 0, runs: [{ ...runs[0], failed: ['x: y'] }] } as never },
      'not undone: x: y',
    ],
    ['is not sealed by anybody', { recover: { exit: 0, runs: [] } }, 'did not seal the record'],
    ['is found again', { again: { exit: 0, runs } }, 'something to do again'],
    ['is not verified', { verifyExit: 10 }, 'drill verify exits 10'],
    [
      'is still open',
      { record: { status: 'unsealed', entries: ENTRIES, problems: [] } },
      'record is unsealed',
    ],
    ['leaves a step', without('step.undone'), 'begun and not undone: drill.killBroker'],
    ['says nothing of its end', without('drill.ended'), 'says nothing of its end, not interrupted'],
    ['leaves a store changed', { differences: ['broker 2 is not registered'] }, 'broker 2 is not registered'],
    ['leaves a process', { leftRunning: ['left running: java'] }, 'left running: java'],
    ['met another step', { kind: 'other' }, 'step 2 is other, planned was drill.killBroker'],
    ['lost something before the kill', { killed: load({ lost }) }, 'run: 1 lost'],
    ['lost something after it', { after: load({ lost }) }, 'load after it: 1 lost'],
    ['takes no writes', { after: load({ acknowledged: 0 }) }, 'nothing was acknowledged'],
  ])('that %s is failed', (_, over, says) => {
    expect(verdictOf(point, seen(over)).wrong.join('\n')).toContain(says);
  });

  it('whose kill came late, or that could not be looked at, is inconclusive', () => {
    const later = { ...ENTRIES[4], ...intent(4, 'drill.next') } as Entry;
    const late = verdictOf(
      point,
      seen({
        record: {
          status: 'sealed',
          problems: [],
          entries: [...ENTRIES.slice(0, 4), later, ...ENTRIES.slice(4)],
        },
      }),
    );
    expect(late.open).toEqual([
      'the kill came too late: after step.intent of another step, or in the restore',
    ]);
    const unread = verdictOf(point, seen({ after: load({}, ['the API was not read']) }));
    expect(unread).toMatchObject({ wrong: [], open: ['load after it: the API was not read'] });
    const alone = verdictOf({ ...point, column: 'both' }, seen());
    expect(alone.open).toEqual(['there was no watchdog to be killed']);
  });
});

it('processes that are more or less than before are named, each as often as it is so', () => {
  expect(changed(['a', 'b', 'b'], ['a', 'b', 'b'])).toEqual([]);
  expect(changed(['a', 'b'], ['b', 'b', 'c'])).toEqual([
    'left running: b',
    'left running: c',
    'runs no more: a',
  ]);
});
