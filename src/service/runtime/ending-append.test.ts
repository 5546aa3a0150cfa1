import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { isUpliftError } from '../../core/error.ts';
import { endingAppend } from './ending-append.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const RECORD = { key: null, value: null, headers: [] };

test('an append that Kafka does not answer is unknown a while after the signal, not before, and a later one at once', async () => {
  const stop = new AbortController();
  const answer = Promise.withResolvers<{ partition: number; offset: bigint }>();
  const append = endingAppend({ append: () => answer.promise }, stop.signal, 5000);
  const ends: string[] = [];
  const one = append.append('t', 0, RECORD, 10_000).then(
    () => ends.push('answered'),
    (error: unknown) => ends.push(isUpliftError(error) ? error.code : 'other'),
  );
  await vi.advanceTimersByTimeAsync(20_000);
  stop.abort();
  await vi.advanceTimersByTimeAsync(4999);
  expect(ends).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  await one;
  expect(ends).toEqual(['UPL-KAFKA-PRODUCE']);
  await expect(append.append('t', 0, RECORD, 10_000)).rejects.toThrow('may be written');
  answer.reject(new Error('nobody hears it'));
  await vi.advanceTimersByTimeAsync(1);
});

test('an append that is answered is not touched by the signal', async () => {
  const stop = new AbortController();
  const at = { partition: 1, offset: 4n };
  const append = endingAppend({ append: async () => at }, stop.signal, 5000);
  stop.abort();
  expect(await append.append('t', 1, RECORD, 10_000)).toEqual(at);
});
