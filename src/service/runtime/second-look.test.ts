import { describe, expect, test } from 'vitest';
import { lookTwice } from './second-look.ts';

const { signal } = new AbortController();

/** Looks that find the same partitions wrong each time. */
function looksThatFind(wrong: readonly number[]) {
  const looks: (readonly number[])[] = [];
  const look = async (asked: readonly number[]): Promise<readonly number[]> => {
    looks.push(asked);
    return wrong;
  };
  return { looks, look };
}

describe('a look at partitions', () => {
  test('that finds nothing wrong is the only one', async () => {
    const { looks, look } = looksThatFind([]);
    await lookTwice([0, 1], look, { signal, pauseMs: 1 });
    expect(looks).toEqual([[0, 1]]);
  });

  test('that finds something wrong is done once more, at what was wrong, and never a third time', async () => {
    const { looks, look } = looksThatFind([1]);
    await lookTwice([0, 1, 2], look, { signal, pauseMs: 1 });
    expect(looks).toEqual([[0, 1, 2], [1]]);
  });

  test('is not done again by a role that ends', async () => {
    const { looks, look } = looksThatFind([0]);
    await lookTwice([0], look, { signal: AbortSignal.abort(), pauseMs: 60_000 });
    expect(looks).toEqual([[0]]);
  });
});
