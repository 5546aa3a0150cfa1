import { describe, expect, test } from 'vitest';
import type { PartitionBatch } from '../../clients/kafka/ports.ts';
import { commandSchema, TOPICS } from '../../contract/records.ts';
import { type Ticked, Ticker } from './ticker.ts';

const owner = (over: Partial<{ phase: string; holds: number; silent: number }> = {}): Ticked => ({
  phase: over.phase ?? 'deciding',
  holds: over.holds ?? 0,
  silentMs: () => over.silent ?? 5000,
});

function setUp(owners: ReadonlyMap<number, Ticked>) {
  const sent: PartitionBatch[] = [];
  const control = { gate: Promise.resolve(), fail: false, failed: 0 };
  const ticker = new Ticker({
    owners,
    tickMs: 1000,
    onFailed: () => {
      control.failed += 1;
    },
    produce: {
      send: async (batch) => {
        sent.push(batch);
        await control.gate;
        if (control.fail) throw new Error('away');
        return { topic: batch.topic, partition: batch.partition, baseOffset: 0n, count: 1 };
      },
    },
  });
  return { ticker, sent, control };
}

describe('the ticker', () => {
  test('ticks where it is quiet or where a hold waits, and only where commands are decided', async () => {
    const owners = new Map([
      [0, owner()],
      [1, owner({ silent: 400 })],
      [2, owner({ silent: 0, holds: 1 })],
      [3, owner({ phase: 'restoring' })],
      [4, owner({ phase: 'stopped' })],
    ]);
    const { ticker, sent } = setUp(owners);
    ticker.tick(0);
    await ticker.stop();
    expect(sent.map(({ topic, partition }) => [topic, partition])).toEqual([
      [TOPICS.commands, 0],
      [TOPICS.commands, 2],
    ]);
    const text = sent[0]?.records[0]?.value?.toString() ?? '';
    expect(commandSchema.parse(JSON.parse(text))).toEqual({ v: 1, type: 'tick' });
  });

  test('has one tick outstanding per partition, however long Kafka takes', async () => {
    const { ticker, sent, control } = setUp(new Map([[0, owner()]]));
    const { promise, resolve } = Promise.withResolvers<void>();
    control.gate = promise;
    ticker.tick(0);
    ticker.tick(1000);
    expect(sent).toHaveLength(1);
    resolve();
    await ticker.stop();
  });

  test('counts a tick that failed and goes on', async () => {
    const { ticker, sent, control } = setUp(new Map([[0, owner()]]));
    control.fail = true;
    ticker.tick(0);
    await ticker.stop();
    ticker.tick(1000);
    await ticker.stop();
    expect([sent.length, control.failed]).toEqual([2, 2]);
  });
});
