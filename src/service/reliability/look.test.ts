import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Look } from './look.ts';

function setUp(answer: () => Promise<number>) {
  const control = { nowMs: 0, asked: 0 };
  const options = { timeoutMs: 30, keepMs: 1000, nowMs: () => control.nowMs };
  const look = new Look(
    'the number',
    () => {
      control.asked += 1;
      return answer();
    },
    options,
  );
  return { look, control };
}

describe('a look at a fact', () => {
  test('is shared by all who want to know within a second, and not longer', async () => {
    const { look, control } = setUp(async () => 7);
    const facts = await Promise.all([look.fact(), look.fact(), look.fact()]);
    expect([facts[2], control.asked]).toEqual([{ state: 'known', atMs: 0, value: 7 }, 1]);
    control.nowMs = 1001;
    await look.fact();
    expect(control.asked).toBe(2);
  });

  test('that fails is unknown, with its reason and the time it was asked', async () => {
    const { look, control } = setUp(async () => Promise.reject(new Error('connection refused')));
    control.nowMs = 5;
    expect(await look.fact()).toEqual({ state: 'unknown', atMs: 5, reason: 'connection refused' });
  });

  test('that gets no answer is unknown in time, and is not asked again while the question hangs', async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    const { look, control } = setUp(() => promise);
    expect(await look.fact()).toMatchObject({
      state: 'unknown',
      reason: expect.stringContaining('the number'),
    });
    control.nowMs = 5000;
    expect(await look.fact()).toMatchObject({ state: 'unknown', atMs: 5000 });
    expect(control.asked).toBe(1);
    resolve(1);
    await delay(0);
    control.nowMs = 10_000;
    expect(await look.fact()).toEqual({ state: 'known', atMs: 10_000, value: 1 });
    expect(control.asked).toBe(2);
  });
});
