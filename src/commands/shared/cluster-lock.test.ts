import { describe, expect, test, vi } from 'vitest';
import type { Acquired, Lock } from '../../clients/kafka/lock.ts';
import { UpliftError } from '../../core/error.ts';
import { lockUnlessUnknown, outliving } from './cluster-lock.ts';

const LOCK: Lock = { held: () => false, release: async () => undefined };
const HELD: Acquired = { kind: 'held', lock: LOCK };
const TAKEN: Acquired = { kind: 'taken', by: 'drill kafka-broker-loss by ada' };
const refusing = (code: 'UPL-LOCK-TAKEN' | 'UPL-LOCK-UNKNOWN') => async (): Promise<Lock> => {
  throw new UpliftError(code, { message: 'x', cause: new Error('no coordinator') });
};

describe('the lock of a cluster with --allow-no-lock', () => {
  test('is asked for all the same, and held where it can be had', async () => {
    const told = vi.fn();
    expect(await lockUnlessUnknown(async () => LOCK, true, told)).toBe(LOCK);
    expect(told).not.toHaveBeenCalled();
  });

  test('refuses where somebody holds it, with the flag as without', async () => {
    const told = vi.fn();
    for (const allowed of [true, false])
      await expect(lockUnlessUnknown(refusing('UPL-LOCK-TAKEN'), allowed, told)).rejects.toMatchObject({
        code: 'UPL-LOCK-TAKEN',
      });
    expect(told).not.toHaveBeenCalled();
  });

  test('is done without only where nobody can tell who has it, and that is told first', async () => {
    const told = vi.fn(async (_: string) => undefined);
    const lock = await lockUnlessUnknown(refusing('UPL-LOCK-UNKNOWN'), true, told);
    expect(lock.held()).toBe(true);
    expect(told.mock.calls).toEqual([['no coordinator']]);
    await expect(lockUnlessUnknown(refusing('UPL-LOCK-UNKNOWN'), false, told)).rejects.toMatchObject({
      code: 'UPL-LOCK-UNKNOWN',
    });
    // What cannot be written into the record is not done.
    const full = (): Promise<never> => Promise.reject(new Error('disk full'));
    await expect(lockUnlessUnknown(refusing('UPL-LOCK-UNKNOWN'), true, full)).rejects.toThrow('disk full');
  });
});

describe('a lock that is asked for until its holder would have lapsed', () => {
  /** The answers, one after the other; the last one stays. */
  const answers = (...all: (Acquired | Error)[]) => {
    let at = 0;
    return async (): Promise<Acquired> => {
      const answer = all[Math.min(at, all.length - 1)] as Acquired | Error;
      at += 1;
      if (answer instanceof Error) throw answer;
      return answer;
    };
  };
  const soon = { forMs: 40, againMs: 5 };

  test('is had once a dead holder is gone, and not from one that lives', async () => {
    expect(await outliving(answers(TAKEN, new Error('away'), HELD), soon)).toBe(HELD);
    expect(await outliving(answers(TAKEN), soon)).toBe(TAKEN);
  });

  test('is taken, not unknown, where a holder was met and the answers then end', async () => {
    expect(await outliving(answers(TAKEN, new Error('away')), soon)).toBe(TAKEN);
    await expect(outliving(answers(new Error('away')), soon)).rejects.toThrow('away');
  });
});
