import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Awaited, awaitedKey, DecisionWaiter } from './decisions.ts';

const never = new AbortController().signal;
const operation = (operationId: string, tenant = 'acme'): Awaited => ({ tenant, operationId });

function setUp(over: { maxWaiting?: number } = {}) {
  const asked: string[][] = [];
  const decided = new Map<string, string>();
  const control = { failing: false, gate: undefined as Promise<void> | undefined, failed: 0 };
  const waiter = new DecisionWaiter<string>({
    look: async (wanted) => {
      asked.push(wanted.map(awaitedKey));
      await control.gate;
      if (control.failing) throw new Error('away');
      return decided;
    },
    tickMs: 1,
    maxWaiting: over.maxWaiting ?? 100,
    onLookFailed: () => {
      control.failed += 1;
    },
  });
  return { waiter, asked, decided, control };
}

describe('waiting for decisions', () => {
  test('asks once per tick for all operations, each named once, and answers each its own', async () => {
    const { waiter, asked, decided } = setUp();
    const ids = Array.from({ length: 50 }, (_, i) => `op-${i}`);
    const waits = [...ids, ...ids].map((id) => waiter.wait(operation(id), 5000, never));
    for (const id of ids) decided.set(`acme/${id}`, id);
    expect(await Promise.all(waits)).toEqual([...ids, ...ids]);
    expect(asked).toEqual([ids.map((id) => `acme/${id}`)]);
    expect(waiter.waiting).toBe(0);
  });

  test('never asks again before the last question was answered, and asks nothing when nobody waits', async () => {
    const { waiter, asked, decided, control } = setUp();
    const gate = Promise.withResolvers<void>();
    control.gate = gate.promise;
    const first = waiter.wait(operation('a'), 5000, never);
    await expect.poll(() => asked.length).toBe(1);
    await delay(30);
    expect(asked).toHaveLength(1);
    decided.set('acme/a', 'done');
    gate.resolve();
    expect(await first).toBe('done');
    await delay(30);
    expect(asked).toHaveLength(1);
    expect(await waiter.wait(operation('a'), 5000, never)).toBe('done');
  });

  test('ends at its deadline, also while the question hangs', async () => {
    const { waiter, control } = setUp();
    control.gate = new Promise(() => undefined);
    expect(await waiter.wait(operation('a'), 20, never)).toBeUndefined();
    expect(waiter.waiting).toBe(0);
  });

  test('the decision of another tenant is nobody else’s', async () => {
    const { waiter, decided } = setUp();
    decided.set('other/a', 'not yours');
    expect(await waiter.wait(operation('a'), 20, never)).toBeUndefined();
  });

  test('ends when the client goes and when the gateway drains; from then on nobody waits', async () => {
    const { waiter } = setUp();
    const gone = new AbortController();
    const one = waiter.wait(operation('a'), 60_000, gone.signal);
    const two = waiter.wait(operation('b'), 60_000, never);
    gone.abort();
    expect(await one).toBeUndefined();
    expect(waiter.waiting).toBe(1);
    waiter.stop();
    expect(await two).toBeUndefined();
    expect(waiter.hasRoom).toBe(false);
    expect(await waiter.wait(operation('c'), 60_000, never)).toBeUndefined();
    expect(await waiter.wait(operation('c'), 60_000, gone.signal)).toBeUndefined();
  });

  test('has room for so many and no more', async () => {
    const { waiter } = setUp({ maxWaiting: 1 });
    const first = waiter.wait(operation('a'), 60_000, never);
    expect(waiter.hasRoom).toBe(false);
    expect(await waiter.wait(operation('b'), 60_000, never)).toBeUndefined();
    waiter.stop();
    await first;
  });

  test('goes on after a question that failed', async () => {
    const { waiter, decided, control } = setUp();
    control.failing = true;
    const wait = waiter.wait(operation('a'), 5000, never);
    await expect.poll(() => control.failed).toBeGreaterThan(0);
    decided.set('acme/a', 'done');
    control.failing = false;
    expect(await wait).toBe('done');
  });
});
