import { expect, test } from 'vitest';
import type { Examined } from '../../src/drills/engine/examine.ts';
import { endOf } from '../support/attempts.ts';
import { idleTroubles, loadTroubles, verdictOf } from './point.ts';

const judged = (over: Partial<Examined['judgement']> = {}): Pick<Examined, 'judgement' | 'troubles'> => ({
  judgement: {
    verdict: 'pass',
    reasons: [],
    acknowledged: 10,
    unknown: 0,
    lost: [],
    duplicates: [],
    oversold: [],
    ...over,
  } as unknown as Examined['judgement'],
  troubles: [],
});
const equal = { broken: [], differs: [] };

test('a point is passed when nothing is wrong and everything was looked at', () => {
  expect(endOf(verdictOf(judged(), equal, []))).toBe('passed');
});

test.each([
  ['a failed judgement', verdictOf(judged({ verdict: 'fail', reasons: ['1 lost'] }), equal, []), 'failed'],
  ['a gap in the topic', verdictOf(judged(), { ...equal, broken: ['x'] }, []), 'failed'],
  ['a projection that differs', verdictOf(judged(), { ...equal, differs: ['x'] }, []), 'failed'],
  [
    'a judgement left open',
    verdictOf(judged({ verdict: 'inconclusive', reasons: ['x'] }), equal, []),
    'inconclusive',
  ],
  ['a source that was not read', verdictOf({ ...judged(), troubles: ['x'] }, equal, []), 'inconclusive'],
  ['a load without its end', verdictOf(judged(), equal, ['exit 70']), 'inconclusive'],
])('%s is never passed', (_, row, end) => {
  expect(endOf(row)).toBe(end);
});

test('a load has to run until it is told to end, after the return', () => {
  expect(loadTroubles(undefined, 'exit 130')).toEqual([]);
  expect(loadTroubles(undefined, 'exit 70')).toEqual(['the load ended with exit 70']);
  expect(loadTroubles('exit 0', 'exit 0')).toEqual(['the load was over before the victim was back: exit 0']);
});

test('a sweeper has to have had work', () => {
  expect(idleTroubles({ victim: 'sweeper' }, 0)).toEqual(['nothing was left to the sweeper']);
  expect(idleTroubles({ victim: 'sweeper' }, 1)).toEqual([]);
  expect(idleTroubles({ victim: 'broker' }, 0)).toEqual([]);
});
