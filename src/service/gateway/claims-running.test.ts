import { describe, expect, test } from 'vitest';
import { encodeEntry } from './claim-entry.ts';
import { watchRunning } from './claims-running.ts';

function setUp() {
  const control = { nowMs: 0, claimed: true, fails: false };
  const running = watchRunning(
    {
      claim: async () => (control.claimed ? { claimed: true } : { claimed: false, value: '{}' }),
      put: async () => {
        if (control.fails) throw new Error('away');
      },
    },
    () => control.nowMs,
  );
  return { control, running };
}

const RUNS = encodeEntry({ p: 'hash', r: 'id', u: 5 });
const ENDED = encodeEntry({ p: 'hash', r: 'id', t: 'token' });

describe('attempts under way', () => {
  test('are those that were granted and have not ended, with the age of the oldest', async () => {
    const { control, running } = setUp();
    expect(running.running()).toEqual({ count: 0, oldestMs: null });
    await running.claim('a', RUNS, 1);
    control.nowMs = 100;
    await running.claim('b', RUNS, 1);
    expect(running.running()).toEqual({ count: 2, oldestMs: 100 });
    await running.put('a', ENDED, 1);
    expect(running.running()).toEqual({ count: 1, oldestMs: 0 });
  });

  test('are also those that go on with an entry that was free', async () => {
    const { control, running } = setUp();
    control.claimed = false;
    await running.claim('a', RUNS, 1);
    expect(running.running().count).toBe(0);
    await running.put('a', RUNS, 1);
    expect(running.running().count).toBe(1);
    await running.put('a', encodeEntry({ p: 'hash', r: 'id' }), 1);
    expect(running.running().count).toBe(0);
  });

  test('end with the request when their end cannot be stored', async () => {
    const { control, running } = setUp();
    await running.claim('a', RUNS, 1);
    control.fails = true;
    await expect(running.put('a', ENDED, 1)).rejects.toThrow('away');
    expect(running.running().count).toBe(0);
  });
});
