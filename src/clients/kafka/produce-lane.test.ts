import type { Message, RecordMetadata } from 'kafkajs';
import { describe, expect, it, vi } from 'vitest';
import { waitFor } from '../../core/wait.ts';
import type { PartitionBatch } from './ports.ts';
import { certainlyNotWritten } from './produce-error.ts';
import { type LaneSession, PartitionLane } from './produce-lane.ts';

type Reply = (messages: Message[]) => Promise<RecordMetadata[]>;

const answer = (baseOffset: number | string, partition = 3, errorCode = 0): RecordMetadata[] => [
  { topicName: 't', partition, errorCode, baseOffset: String(baseOffset) },
];

function batchOf(...values: string[]): PartitionBatch {
  return {
    topic: 't',
    partition: 3,
    records: values.map((value) => ({ key: null, value: Buffer.from(value), headers: [] })),
  };
}

/** Sessions that reply from a script, one entry a send; they tell what was sent on which and which were retired. */
function scripted(replies: Reply[], maxWaiting = 10, once = false) {
  const sent: { session: number; values: string[] }[] = [];
  const retired: number[] = [];
  let current = 0;
  const make = (id: number): LaneSession & { id: number } => ({
    id,
    send: (_topic, messages) => {
      sent.push({ session: id, values: messages.map((message) => String(message.value)) });
      return replies.shift()?.(messages) ?? Promise.reject(new Error('no reply left'));
    },
  });
  const lane = new PartitionLane(
    {
      session: async () => make(current),
      retire: (session) => {
        retired.push(session.id);
        if (session.id === current) current += 1;
      },
    },
    maxWaiting,
    once,
  );
  return { lane, sent, retired };
}

const rejected = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('the lane of one partition', () => {
  it('sends one batch at a time, in order', async () => {
    let outstanding = 0;
    const reply =
      (offset: number): Reply =>
      async () => {
        outstanding += 1;
        expect(outstanding).toBe(1);
        await Promise.resolve();
        outstanding -= 1;
        return answer(offset);
      };
    const { lane, sent } = scripted([reply(0), reply(2), reply(3)]);
    const acks = await Promise.all([
      lane.send(batchOf('a', 'b'), 1000),
      lane.send(batchOf('c'), 1000),
      lane.send(batchOf('d'), 1000),
    ]);
    expect(acks.map((ack) => [ack.baseOffset, ack.count])).toEqual([
      [0n, 2],
      [2n, 1],
      [3n, 1],
    ]);
    expect(sent.map((one) => one.values.join(''))).toEqual(['ab', 'c', 'd']);
  });

  it('gives up a try that comes to no end long before the deadline, and takes the next session once it has settled', async () => {
    vi.useFakeTimers();
    try {
      const forgotten = Promise.withResolvers<RecordMetadata[]>();
      const { lane, sent, retired } = scripted([() => forgotten.promise, async () => answer(7)]);
      const ack = lane.send(batchOf('a'), 30_000);
      await vi.advanceTimersByTimeAsync(14_900);
      expect(retired).toEqual([]);
      await vi.advanceTimersByTimeAsync(200);
      expect(retired).toEqual([0]);
      await vi.advanceTimersByTimeAsync(5000);
      expect(sent).toHaveLength(1);
      forgotten.reject(new Error('discarded'));
      await vi.advanceTimersByTimeAsync(500);
      expect(await ack).toMatchObject({ baseOffset: 7n });
      expect(sent.map(({ session }) => session)).toEqual([0, 1]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('takes the answer of a try that was given up and came through all the same', async () => {
    vi.useFakeTimers();
    try {
      const late = Promise.withResolvers<RecordMetadata[]>();
      const { lane, sent } = scripted([() => late.promise]);
      const ack = lane.send(batchOf('a'), 30_000);
      await vi.advanceTimersByTimeAsync(16_000);
      late.resolve(answer(7));
      expect(await ack).toMatchObject({ baseOffset: 7n });
      expect(sent).toHaveLength(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it('never forgets a batch that comes in the very moment the one before it was acknowledged', async () => {
    const replies = Array.from({ length: 50 }, (_, at) => async () => answer(at));
    const { lane } = scripted(replies);
    for (let at = 0; at < 50; at += 1) {
      expect(await lane.send(batchOf('x'), 200)).toMatchObject({ baseOffset: BigInt(at) });
      for (let turns = 0; turns < at % 5; turns += 1) await Promise.resolve();
    }
  });

  it.each([
    ['a rejection', () => Promise.reject(new Error('broker gone'))],
    ['an answer without the partition (tulios/kafkajs #1303)', async () => []],
    ['an answer about another partition', async () => answer(5, 4)],
    ['an answer that names the partition twice', async () => [...answer(5), ...answer(6)]],
    ['an error code in a resolved answer', async () => answer(5, 3, 6)],
    ['an answer without an offset', async () => answer(-1)],
    ['an offset below the last acknowledged one', async () => answer(4)],
  ] satisfies [string, Reply][])('sends the same bytes on a new client after %s', async (_name, bad) => {
    const { lane, sent, retired } = scripted([async () => answer(4), bad, async () => answer(9)]);
    await lane.send(batchOf('a'), 1000);
    expect(await lane.send(batchOf('b'), 2000)).toMatchObject({ baseOffset: 9n });
    expect(sent.slice(1)).toEqual([
      { session: 0, values: ['b'] },
      { session: 1, values: ['b'] },
    ]);
    expect(retired).toEqual([0]);
  });

  it('says unknown at the deadline, and starts nothing on the partition until the abandoned attempt has settled', async () => {
    const late = Promise.withResolvers<RecordMetadata[]>();
    const { lane, sent, retired } = scripted([() => late.promise, async () => answer(7)]);
    const first = rejected(lane.send(batchOf('a'), 50));
    const second = lane.send(batchOf('b'), 5000);
    const error = await first;
    expect(error).toMatchObject({ code: 'UPL-KAFKA-PRODUCE' });
    expect(certainlyNotWritten(error)).toBe(false);
    expect(retired).toEqual([0]);
    expect(sent).toHaveLength(1);
    // The late success changes nothing for its caller, it only lets the next batch go.
    late.resolve(answer(6));
    expect(await second).toMatchObject({ baseOffset: 7n });
    expect(sent.map((one) => one.session)).toEqual([0, 1]);
  });

  it('refuses before sending when its queue is full or the deadline passes while waiting', async () => {
    const never = Promise.withResolvers<RecordMetadata[]>();
    const { lane, sent } = scripted([() => never.promise], 1);
    const first = rejected(lane.send(batchOf('a'), 300));
    await waitFor(async () => sent.length === 1, {
      what: 'the first is sent',
      timeoutMs: 1000,
      intervalMs: 5,
    });
    const second = rejected(lane.send(batchOf('b'), 50));
    const third = rejected(lane.send(batchOf('c'), 5000));
    for (const error of [await third, await second]) {
      expect(error).toMatchObject({ code: 'UPL-KAFKA-OVERLOADED' });
      expect(certainlyNotWritten(error)).toBe(true);
    }
    expect(certainlyNotWritten(await first)).toBe(false);
    never.resolve(answer(0));
    await lane.idle();
    expect(sent.map((one) => one.values.join(''))).toEqual(['a']);
  });

  it('gives up at once when Kafka refuses the records as such, but not after an attempt of unknown outcome', async () => {
    const tooLarge: Reply = () =>
      Promise.reject(Object.assign(new Error('too large'), { type: 'MESSAGE_TOO_LARGE' }));
    const first = scripted([tooLarge]);
    const error = await rejected(first.lane.send(batchOf('a'), 5000));
    expect(error).toMatchObject({ code: 'UPL-KAFKA-REQUEST' });
    expect(certainlyNotWritten(error)).toBe(true);
    const second = scripted([
      () => Promise.reject(new Error('lost')),
      tooLarge,
      tooLarge,
      tooLarge,
      tooLarge,
    ]);
    expect(await rejected(second.lane.send(batchOf('a'), 500))).toMatchObject({ code: 'UPL-KAFKA-PRODUCE' });
  });

  it('sends nothing twice where it may send once only: what was not confirmed stays unknown', async () => {
    const lost: Reply = () => Promise.reject(new Error('broker gone'));
    const { lane, sent, retired } = scripted([lost, async () => answer(4)], 10, true);
    const error = await rejected(lane.send(batchOf('a'), 5000));
    expect(error).toMatchObject({ code: 'UPL-KAFKA-PRODUCE' });
    expect(certainlyNotWritten(error)).toBe(false);
    expect(await lane.send(batchOf('b'), 5000)).toMatchObject({ baseOffset: 4n });
    expect(sent).toEqual([
      { session: 0, values: ['a'] },
      { session: 1, values: ['b'] },
    ]);
    expect(retired).toEqual([0]);
  });
});
