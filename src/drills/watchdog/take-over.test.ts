import { describe, expect, it } from 'vitest';
import { UpliftError } from '../../core/error.ts';
import { type Attempt, takeOver } from './take-over.ts';

const NO_PAUSES = { pausesMs: [1, 1, 1], heldMs: 1 };

/** Runs a take-over whose tries end like this, one after the other; every look at the clock takes a second. */
async function withEnds(ends: readonly (readonly string[] | Error)[], deadlineMs = 3_600_000) {
  const said: string[] = [];
  const numbers: number[] = [];
  let nowNs = 0n;
  const attempt = async (number: number): Promise<Attempt> => {
    numbers.push(number);
    const end = ends[numbers.length - 1] ?? [];
    if (end instanceof Error) throw end;
    return { left: end };
  };
  const clock = { monoNs: () => (nowNs += 1_000_000_000n) };
  const left = await takeOver({ attempt, clock, say: (line) => said.push(line), deadlineMs, ...NO_PAUSES });
  return { left, said, numbers };
}

const HELD = new UpliftError('UPL-JOURNAL-HELD', { message: 'Process 7 is writing j.' });

describe('whoever takes over a run', () => {
  it('is done with the first try that leaves nothing, and says why the ones before were not the last', async () => {
    expect(await withEnds([['broker 2: away'], new Error('no broker'), []])).toEqual({
      left: [],
      said: ['try 1: not put back: broker 2: away', 'try 2: not put back: no broker'],
      numbers: [1, 2, 3],
    });
  });

  it('gives up after its last try, and answers what is left', async () => {
    const away = ['broker 2: away'];
    const { left, numbers } = await withEnds([away, away, away, away, []]);
    expect(left).toEqual(away);
    expect(numbers).toEqual([1, 2, 3, 4]);
  });

  it('waits for somebody who restores already without using up a try, but not for ever', async () => {
    const held = Array.from({ length: 20 }, () => HELD);
    expect(await withEnds([...held, []])).toMatchObject({ left: [], numbers: Array(21).fill(1) });
    const { left, numbers } = await withEnds(held, 5000);
    expect(left).toEqual(['Process 7 is writing j.']);
    expect(numbers.length).toBeLessThan(8);
  });

  it('begins no try after its deadline', async () => {
    const { numbers } = await withEnds([['a'], ['a'], ['a'], ['a']], 1500);
    expect(numbers).toEqual([1, 2]);
  });
});
