import { describe, expect, it } from 'vitest';
import type {
  InRecord,
  LearningProduce,
  PartitionBounds,
  Read,
  RecordBatch,
} from '../../clients/kafka/ports.ts';
import type { Trim } from '../../clients/kafka/trim.ts';
import { UpliftError } from '../../core/error.ts';
import { waitFor } from '../../core/wait.ts';
import { judgeProbe } from './judge.ts';
import { kafkaProbe } from './kafka.ts';

const TOPIC = '_uplift.probe';

interface Log {
  start: number;
  /** By offset, from `start` on. */
  values: string[];
}

/** Three partitions in memory; `answer` decides what a send comes to, and whether it is written. */
function logsInMemory() {
  const logs: Log[] = [0, 1, 2].map(() => ({ start: 0, values: [] }));
  const world = {
    logs,
    topicId: 'T',
    made: 0,
    closed: [] as string[],
    answer: (_ids: readonly string[]): 'written' | 'unknown' | 'unknown but written' | 'refused' => 'written',
  };
  const logOf = (partition: number): Log => logs[partition] ?? { start: 0, values: [] };
  const produce: LearningProduce = {
    async send({ topic, partition, records }) {
      const ids = records.map(({ value }) => String(value));
      const answer = world.answer(ids);
      if (answer.endsWith('written')) logOf(partition).values.push(...ids);
      if (answer === 'refused') throw new UpliftError('UPL-KAFKA-OVERLOADED', { message: 'full' });
      if (answer !== 'written') throw new UpliftError('UPL-KAFKA-PRODUCE', { message: 'no answer' });
      return { topic, partition, baseOffset: 0n, count: records.length };
    },
    learn: async () => undefined,
    close: async () => void world.closed.push('produce'),
  };
  const read: Pick<Read, 'bounds' | 'open'> = {
    bounds: async () =>
      logs.map(({ start, values }, partition): PartitionBounds => {
        const ends = { startOffset: BigInt(start), endOffset: BigInt(start + values.length) };
        return { topic: TOPIC, topicId: world.topicId, partition, ...ends, leaderEpoch: 0 };
      }),
    open: (positions) => {
      const batches = positions.map(({ partition, nextOffset }): RecordBatch => {
        const { start, values } = logOf(partition);
        const records = values.map((value, at) => ({
          offset: BigInt(start + at),
          value: Buffer.from(value),
        }));
        const end = BigInt(start + values.length);
        return {
          ...{ topic: TOPIC, topicId: world.topicId, partition, nextOffset: end, highWatermark: end },
          records: records.filter(({ offset }) => offset >= nextOffset) as unknown as InRecord[],
        };
      });
      return {
        next: async () => batches.shift(),
        seek: () => undefined,
        stalled: () => [],
        close: async () => undefined,
      };
    },
  };
  const trim: Trim = {
    below: async (offsets) =>
      offsets.map(({ partition, offset }) => {
        const log = logOf(partition);
        log.values.splice(0, Number(offset) - log.start);
        log.start = Number(offset);
        return { told: true, value: offset };
      }),
    close: async () => void world.closed.push('trim'),
  };
  return { world, produce, read, trim };
}

function probeOf({ world, produce, read, trim }: ReturnType<typeof logsInMemory>) {
  return kafkaProbe({
    topic: TOPIC,
    partitions: 3,
    struck: [1],
    acks: 'acks=all, idempotent',
    makeTopic: async () => {
      world.made += 1;
    },
    openProduce: async () => produce,
    read,
    openTrim: () => trim,
    runId: 'run',
    ...{ ratePerS: 500, timeoutMs: 1000 },
    monoNs: () => process.hrtime.bigint(),
  });
}

const count = (probe: ReturnType<typeof probeOf>, outcome: string): number =>
  probe.writes().filter((write) => write.outcome === outcome).length;
const until = (what: string, probe: () => boolean): Promise<boolean> =>
  waitFor(async () => probe(), { what, timeoutMs: 5000, intervalMs: 5 });

describe('the probe of Kafka', () => {
  it('writes to every partition in turn, reads each back, and leaves the logs empty', async () => {
    const memory = logsInMemory();
    const probe = probeOf(memory);
    await probe.start();
    await until('writes', () => count(probe, 'ok') > 30);
    await probe.stop();
    const reads = await probe.read();
    expect(reads.unread).toEqual([]);
    expect(reads.places.map(({ place, group }) => [place, group])).toEqual(
      [0, 1, 2].map((partition) => [`${TOPIC}/${partition}`, `${TOPIC}/${partition}`]),
    );
    const evidence = { writes: probe.writes(), reads, faultNs: 0n };
    expect(judgeProbe(evidence)).toMatchObject({
      acknowledged: probe.writes().length,
      ...{ lost: [], phantom: [], duplicate: [] },
    });
    expect([...probe.struck]).toEqual([`${TOPIC}/1`]);
    const fifth = probe.writes().find(({ id }) => id === 'run:4');
    expect(fifth).toMatchObject({ outcome: 'ok', group: `${TOPIC}/1` });
    await probe.close();
    await probe.close();
    expect(memory.world.logs.map(({ values }) => values)).toEqual([[], [], []]);
    expect(memory.world).toMatchObject({ made: 1, closed: ['produce', 'trim'] });
  });

  it('takes no answer for what it is not: unknown stays unknown, whether it was written or not', async () => {
    const memory = logsInMemory();
    const answers = ['written', 'unknown', 'unknown but written', 'refused'] as const;
    memory.world.answer = ([id = '']) => answers[Number(id.split(':')[1]) % answers.length] ?? 'written';
    const probe = probeOf(memory);
    await probe.start();
    await until('writes', () => probe.writes().length >= 40);
    await probe.stop();
    const reads = await probe.read();
    const judged = judgeProbe({ writes: probe.writes(), reads, faultNs: 0n });
    expect(judged).toMatchObject({ lost: [], phantom: [], duplicate: [] });
    expect(judged.unknownFound).toBeGreaterThan(5);
    expect(judged.unknown).toBeGreaterThan(judged.unknownFound);
    expect(judged.refused).toBe(count(probe, 'fail'));
    await probe.close();
  });

  it('names what is missing, what stands twice and what was refused and stands there', async () => {
    const memory = logsInMemory();
    memory.world.answer = (ids) => (ids.includes('run:3') ? 'refused' : 'written');
    const probe = probeOf(memory);
    await probe.start();
    await until('writes', () => count(probe, 'ok') > 20);
    await probe.stop();
    const [log] = memory.world.logs;
    const [twice = '', gone = ''] = log?.values ?? [];
    log?.values.splice(1, 1);
    log?.values.push(twice, 'run:3');
    const judged = judgeProbe({ writes: probe.writes(), reads: await probe.read(), faultNs: 0n });
    expect(judged.lost).toMatchObject([{ id: gone, missingAt: [`${TOPIC}/0`] }]);
    expect(judged).toMatchObject({ duplicate: [twice], phantom: ['run:3'] });
    await probe.close();
  });

  it('finds its records also in a log that was cut below where it began', async () => {
    const memory = logsInMemory();
    for (const log of memory.world.logs) log.values.push('earlier:0', 'earlier:1', 'earlier:2');
    const probe = probeOf(memory);
    await probe.start();
    await until('writes', () => count(probe, 'ok') > 20);
    await probe.stop();
    const [log] = memory.world.logs;
    log?.values.splice(1, 3);
    const judged = judgeProbe({ writes: probe.writes(), reads: await probe.read(), faultNs: 0n });
    expect(judged.lost.map(({ id }) => id)).toEqual(['run:0']);
    await probe.close();
  });

  it('takes nothing away that is not its own, and says that somebody else wrote', async () => {
    const memory = logsInMemory();
    memory.world.logs[0]?.values.push('killed:0');
    const probe = probeOf(memory);
    await probe.start();
    await until('writes', () => count(probe, 'ok') > 20);
    memory.world.logs[2]?.values.push('other:0');
    await probe.stop();
    const { unread } = await probe.read();
    expect(unread).toEqual([`${TOPIC}/2 holds records of somebody else`]);
    await probe.close();
    expect(memory.world.logs[0]?.values[0]).toBe('killed:0');
    expect(memory.world.logs[1]?.values).toEqual([]);
    expect(memory.world.logs[2]?.values).toContain('other:0');
  });

  it('says nothing of a log that was made again, or whose beginning went away', async () => {
    const memory = logsInMemory();
    const probe = probeOf(memory);
    await probe.start();
    await until('writes', () => count(probe, 'ok') > 20);
    await probe.stop();
    const [log] = memory.world.logs;
    log?.values.shift();
    if (log !== undefined) log.start = 1;
    expect((await probe.read()).unread).toEqual([
      `${TOPIC}/0 begins at 1 by now, after records of the probe`,
    ]);
    memory.world.topicId = 'other';
    expect((await probe.read()).unread).toHaveLength(3);
    await probe.close();
    expect(memory.world.closed).toEqual(['produce']);
  });

  it('empties the logs of a run that failed before it read them, and is nothing before it is started', async () => {
    const memory = logsInMemory();
    const probe = probeOf(memory);
    expect(await probe.read()).toMatchObject({ places: [] });
    await probe.start();
    await until('writes', () => count(probe, 'ok') > 10);
    await probe.close();
    expect(memory.world.logs.map(({ values }) => values)).toEqual([[], [], []]);
    const idle = probeOf(logsInMemory());
    await idle.stop();
    await idle.close();
  });
});
