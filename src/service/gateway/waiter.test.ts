import { describe, expect, test } from 'vitest';
import type { Operation } from '../../contract/http.ts';
import { type Awaited, awaitedKey, DecisionWaiter } from './waiter.ts';

const operation = (operationId: string): Operation => ({
  operationId,
  decision: 'accepted',
  reservationId: 'r',
  reason: null,
  commandPartition: 0,
  commandOffset: '0',
});

function setUp(maxWaiting = 10) {
  const decided = new Set<string>();
  const asked: (readonly Awaited[])[] = [];
  const control = { fail: false, failures: 0, gate: Promise.resolve() };
  const waiter = new DecisionWaiter({
    ask: async (awaited) => {
      asked.push(awaited);
      await control.gate;
      if (control.fail) throw new Error('away');
      const found = awaited.filter((each) => decided.has(awaitedKey(each)));
      return new Map(found.map((each) => [awaitedKey(each), operation(each.operationId)]));
    },
    // The tests tick themselves.
    tickMs: 1_000_000,
    maxWaiting,
    onFailed: () => {
      control.failures += 1;
    },
  });
  const wait = (
    tenant: string,
    operationId: string,
    timeoutMs = 10_000,
    signal = new AbortController().signal,
  ) => waiter.wait({ tenant, operationId }, timeoutMs, signal);
  return { waiter, decided, asked, control, wait };
}

describe('waiting for decisions', () => {
  test('asks for all that wait in one query, and tells each its own, of its own tenant', async () => {
    const { waiter, decided, asked, wait } = setUp();
    const all = [wait('a', '1'), wait('b', '1'), wait('a', '2', 5)];
    decided.add('a/1').add('b/1');
    await waiter.tick();
    expect(asked).toHaveLength(1);
    expect(asked[0]).toHaveLength(3);
    expect((await Promise.all(all)).map((seen) => seen?.operationId)).toEqual(['1', '1', undefined]);
    await waiter.tick();
    expect(asked).toHaveLength(1);
  });

  test('never asks twice at once, and goes on after an answer that did not come', async () => {
    const { waiter, decided, asked, control, wait } = setUp();
    const { promise, resolve } = Promise.withResolvers<void>();
    control.gate = promise;
    control.fail = true;
    const one = wait('a', '1');
    const first = waiter.tick();
    await waiter.tick();
    expect(asked).toHaveLength(1);
    resolve();
    await first;
    expect(control.failures).toBe(1);
    control.fail = false;
    decided.add('a/1');
    await waiter.tick();
    expect((await one)?.operationId).toBe('1');
  });

  test('ends with the client, with the gateway, and is not begun beyond its bound', async () => {
    const { waiter, wait } = setUp(2);
    const client = new AbortController();
    const all = [wait('a', '1', 10_000, client.signal), wait('a', '2'), wait('a', '3')];
    expect(await all[2]).toBeUndefined();
    client.abort();
    expect(await all[0]).toBeUndefined();
    waiter.stop();
    expect(await all[1]).toBeUndefined();
  });
});
