import { setTimeout as delay } from 'node:timers/promises';
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { mendKafkaJsIdleTimer } from './kafkajs-idle.ts';

const original = RequestQueue.prototype.scheduleCheckPendingRequests;

function newQueue(
  maxInFlightRequests: number,
): InstanceType<typeof RequestQueue> & { push(request: object): void; fulfillRequest(answer: object): void } {
  const logger = { debug: () => undefined, warn: () => undefined };
  const options = {
    maxInFlightRequests,
    requestTimeout: 1000,
    enforceRequestTimeout: false,
    clientId: 'c',
    broker: 'b:1',
    logger,
  };
  return new RequestQueue(options) as ReturnType<typeof newQueue>;
}

/** Sends `count` requests and answers each at once; returns how many looks at the queue happen afterwards in 100 ms. */
async function looksWhenIdle(): Promise<number> {
  const queue = newQueue(1);
  queue.push({
    entry: { correlationId: 1, resolve: () => undefined, reject: () => undefined },
    expectResponse: true,
    sendRequest: () => undefined,
  });
  queue.fulfillRequest({ correlationId: 1, payload: Buffer.alloc(0), size: 0 });
  const looks = vi.spyOn(queue, 'checkPendingRequests');
  await delay(100);
  queue.destroy();
  return looks.mock.calls.length;
}

describe('the idle timer of kafkajs', () => {
  afterEach(() => {
    RequestQueue.prototype.scheduleCheckPendingRequests = original;
    for (const symbol of Object.getOwnPropertySymbols(RequestQueue.prototype))
      Reflect.deleteProperty(RequestQueue.prototype, symbol);
  });

  it('fires for ever on an idle connection as kafkajs ships it, and never once mended', async () => {
    expect(await looksWhenIdle()).toBeGreaterThan(10);
    mendKafkaJsIdleTimer();
    expect(await looksWhenIdle()).toBe(0);
  });

  it('still sends what had to wait for a free place, mended', async () => {
    mendKafkaJsIdleTimer();
    const queue = newQueue(1);
    const sent: number[] = [];
    for (const correlationId of [1, 2, 3]) {
      const entry = { correlationId, resolve: () => undefined, reject: () => undefined };
      queue.push({ entry, expectResponse: true, sendRequest: () => sent.push(correlationId) });
    }
    expect(sent).toEqual([1]);
    for (const correlationId of [1, 2, 3])
      queue.fulfillRequest({ correlationId, payload: Buffer.alloc(0), size: 0 });
    expect(sent).toEqual([1, 2, 3]);
    queue.destroy();
  });

  it('still wakes up when a throttled broker lets requests through again, mended', async () => {
    mendKafkaJsIdleTimer();
    const queue = newQueue(5);
    queue.throttledUntil = Date.now() + 50;
    const sent = new Promise<void>((resolve) => {
      const entry = { correlationId: 1, resolve: () => undefined, reject: () => undefined };
      queue.push({ entry, expectResponse: true, sendRequest: () => resolve() });
    });
    await sent;
    queue.destroy();
  });
});
