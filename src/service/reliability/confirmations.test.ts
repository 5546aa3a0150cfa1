import { describe, expect, test } from 'vitest';
import { CONFIRM_MS, Confirmations } from './confirmations.ts';

function setUp() {
  const clock = { nowMs: 0 };
  const done: string[] = [];
  const held = new Confirmations<string, number>(() => clock.nowMs);
  const work = async (plan: string): Promise<number> => done.push(plan);
  return { clock, done, held, work };
}

describe('a confirmation', () => {
  test('does the plan it was shown with, once, and gives the first answer again', async () => {
    const { held, done, work } = setUp();
    const token = held.issue('a');
    held.issue('b');
    const both = await Promise.all([held.confirm(token, work), held.confirm(token, work)]);
    expect(both).toEqual([
      { kind: 'done', result: 1, again: false },
      { kind: 'done', result: 1, again: true },
    ]);
    expect(done).toEqual(['a']);
  });

  test('is not good for ever, and a made up one never', async () => {
    const { held, clock, done, work } = setUp();
    const token = held.issue('a');
    expect(token).toMatch(/^[0-9a-f]{32}$/);
    clock.nowMs = CONFIRM_MS;
    expect(await held.confirm(token, work)).toEqual({ kind: 'unknown' });
    expect(await held.confirm('0'.repeat(32), work)).toEqual({ kind: 'unknown' });
    expect(done).toEqual([]);
  });

  test('stays good when what it did failed: nobody knows what was done', async () => {
    const { held, work } = setUp();
    const token = held.issue('a');
    await expect(held.confirm(token, () => Promise.reject(new Error('away')))).rejects.toThrow('away');
    expect(await held.confirm(token, work)).toMatchObject({ kind: 'done', again: false });
  });

  test('makes room for newer ones: who asks for plans without end fills no memory', async () => {
    const { held, work } = setUp();
    const first = held.issue('first');
    let last = '';
    for (let n = 0; n < 1000; n += 1) last = held.issue(String(n));
    expect(await held.confirm(first, work)).toEqual({ kind: 'unknown' });
    expect(await held.confirm(last, work)).toMatchObject({ kind: 'done' });
  });
});
