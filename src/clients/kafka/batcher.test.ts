import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UpliftError } from '../../core/error.ts';
import { type Appended, PartitionBatcher } from './batcher.ts';
import { toKafkaJsHeaders } from './headers.ts';
import type { OutRecord, PartitionAck, PartitionBatch } from './ports.ts';
import { certainlyNotWritten } from './produce-error.ts';

const record = (text: string): OutRecord => ({ key: null, value: Buffer.from(text), headers: [] });

/** A Produce that keeps a log per partition and answers when told. */
class FakeProduce {
  readonly logs = new Map<number, string[]>();
  readonly batches: PartitionBatch[] = [];
  readonly #open: {
    batch: PartitionBatch;
    resolve: (ack: PartitionAck) => void;
    reject: (error: unknown) => void;
  }[] = [];
  readonly outstanding = new Map<number, number>();
  maxOutstanding = 0;
  refuse: (batch: PartitionBatch) => UpliftError | undefined = () => undefined;

  send(batch: PartitionBatch): Promise<PartitionAck> {
    const count = (this.outstanding.get(batch.partition) ?? 0) + 1;
    this.outstanding.set(batch.partition, count);
    this.maxOutstanding = Math.max(this.maxOutstanding, count);
    this.batches.push(batch);
    const { promise, resolve, reject } = Promise.withResolvers<PartitionAck>();
    this.#open.push({ batch, resolve, reject });
    return promise;
  }

  /** Answers one outstanding send; true when there was one. */
  answer(how: 'ok' | 'unknown', which = 0): boolean {
    const [one] = this.#open.splice(which % Math.max(1, this.#open.length), 1);
    if (one === undefined) return false;
    const { batch } = one;
    this.outstanding.set(batch.partition, (this.outstanding.get(batch.partition) ?? 0) - 1);
    const refusal = this.refuse(batch);
    if (refusal !== undefined) one.reject(refusal);
    else if (how === 'unknown') one.reject(new UpliftError('UPL-KAFKA-PRODUCE', { message: 'unknown' }));
    else {
      const log = this.logs.get(batch.partition) ?? [];
      this.logs.set(batch.partition, log);
      const baseOffset = BigInt(log.length);
      log.push(...batch.records.map((one) => String(one.value)));
      one.resolve({
        topic: batch.topic,
        partition: batch.partition,
        baseOffset,
        count: batch.records.length,
      });
    }
    return true;
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function settleAll(produce: FakeProduce): Promise<void> {
  for (let quiet = 0; quiet < 3; ) {
    await turn();
    quiet = produce.answer('ok') ? 0 : quiet + 1;
  }
}

const rejected = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('the partition batcher', () => {
  it('tells each caller the offset at which its own record stands, under any interleaving of appends and answers', async () => {
    const append = fc.record({ partition: fc.nat(2), size: fc.nat(40) });
    const step = fc.oneof(
      append,
      fc.record({
        answer: fc.constantFrom('ok' as const, 'ok' as const, 'unknown' as const),
        which: fc.nat(3),
      }),
      fc.constant('turn' as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const produce = new FakeProduce();
        const batcher = new PartitionBatcher(produce, {
          limits: { maxRecordsPerBatch: 4, maxBytesPerBatch: 400 },
        });
        const calls: { text: string; partition: number; result: Promise<Appended | unknown> }[] = [];
        for (const one of steps) {
          if (one === 'turn') await turn();
          else if ('answer' in one) produce.answer(one.answer, one.which);
          else {
            const text = `${calls.length}:${'x'.repeat(one.size)}`;
            calls.push({
              text,
              partition: one.partition,
              result: batcher.append('t', one.partition, record(text), 60_000).catch((e: unknown) => e),
            });
          }
        }
        await settleAll(produce);
        await batcher.close();
        for (const { text, partition, result } of calls) {
          const got = await result;
          if (got instanceof Error) {
            expect(produce.logs.get(partition) ?? []).not.toContain(text);
          } else {
            const { offset } = got as Appended;
            expect(produce.logs.get(partition)?.[Number(offset)]).toBe(text);
          }
        }
        expect(produce.maxOutstanding).toBeLessThanOrEqual(1);
        for (const { records } of produce.batches) expect(records.length).toBeLessThanOrEqual(4);
        expect(batcher.queuedBytes).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  it('keeps the order of one partition and puts what waited into one batch', async () => {
    const produce = new FakeProduce();
    const batcher = new PartitionBatcher(produce);
    const first = batcher.append('t', 0, record('a'), 1000);
    await turn();
    const rest = ['b', 'c', 'd'].map((text) => batcher.append('t', 0, record(text), 1000));
    await settleAll(produce);
    expect(produce.batches.map((batch) => batch.records.length)).toEqual([1, 3]);
    expect((await Promise.all([first, ...rest])).map((one) => one.offset)).toEqual([0n, 1n, 2n, 3n]);
  });

  it('never forgets a record that comes in the very moment the one before it was acknowledged', async () => {
    let offset = -1n;
    const send = async (batch: PartitionBatch): Promise<PartitionAck> => {
      offset += 1n;
      return {
        topic: batch.topic,
        partition: batch.partition,
        baseOffset: offset,
        count: batch.records.length,
      };
    };
    const batcher = new PartitionBatcher({ send });
    for (let at = 0; at < 50; at += 1) {
      expect(await batcher.append('t', 0, record('x'), 200)).toMatchObject({ offset: BigInt(at) });
      for (let turns = 0; turns < at % 5; turns += 1) await Promise.resolve();
    }
  });

  it('sends a record larger than a batch alone', async () => {
    const produce = new FakeProduce();
    const batcher = new PartitionBatcher(produce, { limits: { maxBytesPerBatch: 300 } });
    const all = ['a', 'x'.repeat(1000), 'b'].map((text) => batcher.append('t', 0, record(text), 1000));
    await settleAll(produce);
    await Promise.all(all);
    expect(produce.batches.map((batch) => batch.records.length)).toEqual([1, 1, 1]);
  });

  it('refuses at once what would exceed its queue, and says that it was certainly not sent', async () => {
    const produce = new FakeProduce();
    const batcher = new PartitionBatcher(produce, {
      limits: { maxQueuedRecordsPerPartition: 2, maxRecordsPerBatch: 1 },
    });
    const accepted = [batcher.append('t', 0, record('a'), 1000), batcher.append('t', 0, record('b'), 1000)];
    const error = await rejected(batcher.append('t', 0, record('c'), 1000));
    expect(error).toMatchObject({ code: 'UPL-KAFKA-OVERLOADED' });
    expect(certainlyNotWritten(error)).toBe(true);
    const elsewhere = batcher.append('t', 1, record('d'), 1000);
    await settleAll(produce);
    await Promise.all([...accepted, elsewhere]);
    expect([...produce.logs.values()].flat()).not.toContain('c');
  });

  it('refuses what would exceed its bytes over all partitions', async () => {
    const batcher = new PartitionBatcher(new FakeProduce(), { limits: { maxQueuedBytes: 1000 } });
    void rejected(batcher.append('t', 0, record('x'.repeat(800)), 10));
    expect(await rejected(batcher.append('t', 1, record('x'.repeat(800)), 10))).toMatchObject({
      code: 'UPL-KAFKA-OVERLOADED',
    });
  });

  it('answers at the deadline: certainly not sent while queued, unknown while outstanding', async () => {
    const produce = new FakeProduce();
    const batcher = new PartitionBatcher(produce, { limits: { maxRecordsPerBatch: 1 } });
    const outstanding = rejected(batcher.append('t', 0, record('a'), 40));
    const queued = rejected(batcher.append('t', 0, record('b'), 40));
    const patient = batcher.append('t', 0, record('c'), 5000);
    expect(certainlyNotWritten(await outstanding)).toBe(false);
    expect(certainlyNotWritten(await queued)).toBe(true);
    await settleAll(produce);
    await patient;
    expect(produce.logs.get(0)).toEqual(['a', 'c']);
  });

  it('does not let a record that Kafka refuses spoil the others of its batch', async () => {
    const produce = new FakeProduce();
    produce.refuse = (batch) =>
      batch.records.some((one) => String(one.value) === 'huge')
        ? new UpliftError('UPL-KAFKA-REQUEST', { message: 'too large' })
        : undefined;
    const batcher = new PartitionBatcher(produce);
    const results = ['a', 'huge', 'b'].map((text) => rejected(batcher.append('t', 0, record(text), 1000)));
    await settleAll(produce);
    expect((await Promise.all(results)).map((error) => certainlyNotWritten(error))).toEqual([
      false,
      true,
      false,
    ]);
    expect(produce.logs.get(0)).toEqual(['a', 'b']);
  });

  it('keeps a record that cannot be carried out of every batch', async () => {
    const produce = new FakeProduce();
    const batcher = new PartitionBatcher(produce, { check: (one) => void toKafkaJsHeaders(one.headers) });
    const bad: OutRecord = { ...record('a'), headers: [[Buffer.from('h'), null]] };
    expect(await rejected(batcher.append('t', 0, bad, 1000))).toMatchObject({ code: 'UPL-KAFKA-HEADERS' });
    expect(produce.batches).toEqual([]);
  });
});
