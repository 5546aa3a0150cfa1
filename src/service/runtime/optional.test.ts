import { describe, expect, test } from 'vitest';
import { Optional } from './optional.ts';

const fails = (): Promise<never> => Promise.reject(new Error('away'));
const answers = async (): Promise<string> => 'here';

describe('a dependency that is not missed', () => {
  test('is left alone for a second after a failure, then twice as long up to four, and at once again once it is back', async () => {
    let nowMs = 0;
    let tries = 0;
    const optional = new Optional(() => nowMs);
    const triedAtMs: number[] = [];
    for (; nowMs < 16_000; nowMs += 100) {
      await optional.ask(() => {
        triedAtMs.push(nowMs);
        tries += 1;
        return fails();
      });
    }
    expect(triedAtMs).toEqual([0, 1000, 3000, 7000, 11_000, 15_000]);
    nowMs = 19_000;
    expect(await optional.ask(answers)).toBe('here');
    await optional.ask(fails);
    expect(await optional.ask(answers)).toBeUndefined();
    nowMs += 1000;
    expect(await optional.ask(answers)).toBe('here');
    expect(tries).toBe(6);
  });

  test('is tried by one while it hangs: all others go on without it', async () => {
    let nowMs = 0;
    const optional = new Optional(() => nowMs);
    const both = await Promise.all([optional.ask(fails), optional.ask(fails)]);
    expect(both).toEqual([undefined, undefined]);
    nowMs = 1000;
    const hanging = Promise.withResolvers<string>();
    const trial = optional.ask(() => hanging.promise);
    expect(await optional.ask(answers)).toBeUndefined();
    hanging.resolve('back');
    expect(await trial).toBe('back');
    expect(await optional.ask(answers)).toBe('here');
  });

  test('that failed for many who asked together has failed once', async () => {
    let nowMs = 0;
    const optional = new Optional(() => nowMs);
    await Promise.all(Array.from({ length: 10 }, () => optional.ask(fails)));
    nowMs = 1000;
    expect(await optional.ask(answers)).toBe('here');
  });
});
