import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Groups } from '../../clients/kafka/group-ports.ts';
import type { Cluster } from '../../clients/kafka/ports.ts';
import type { Sql } from '../../clients/postgres/index.ts';
import { TOPICS } from '../../contract/records.ts';
import { reached, settle } from './settle.ts';

/** Two partitions whose decider and projection are as far as the control says. */
function world() {
  const control = {
    commandEnds: [5n, 3n],
    decided: new Map([
      [0, 5n],
      [1, 3n],
    ]),
    eventEnds: [9n, 0n],
    applied: [9n, 0n],
    topicId: 'events-id',
    silent: false,
    /** Every question that was asked, in order. */
    asked: [] as string[],
  };
  const groups: Pick<Groups, 'committed' | 'edges'> = {
    edges: async (partitions) => {
      const topic = partitions[0]?.topic ?? '';
      control.asked.push(topic);
      if (control.silent) return [{ told: false, reason: 'broker 2 is silent' }];
      const ends = topic === TOPICS.commands ? control.commandEnds : control.eventEnds;
      return partitions.map(({ partition }) => ({ told: true, value: ends[partition] ?? 0n }));
    },
    committed: async () => {
      control.asked.push('decided');
      const offsets = [...control.decided].map(([partition, offset]) => ({
        topic: TOPICS.commands as string,
        partition,
        offset,
      }));
      const others = [{ topic: 'other', partition: 0, offset: 1_000n }];
      return [{ told: true, value: [...others, ...offsets] }];
    },
  };
  const topicOf = (name: string, id: string) => ({
    name,
    id,
    internal: false,
    partitions: [0, 1].map((partition) => ({
      partition,
      leader: 1,
      leaderEpoch: 0,
      replicas: [1],
      isr: [1],
      offlineReplicas: [],
    })),
  });
  const cluster = {
    describe: async () => ({
      clusterId: 'c',
      brokers: [],
      topics: [topicOf(TOPICS.commands, 'commands-id'), topicOf(TOPICS.events, 'events-id')],
    }),
  } as unknown as Cluster;
  const sql: Pick<Sql, 'query'> = {
    query: async <R extends object>(_text: string, values?: readonly unknown[]) => {
      control.asked.push('applied');
      const rows = control.applied.map((next_offset, partition) => ({ partition, next_offset }));
      const mine = values?.[1] === control.topicId ? rows : [];
      return { rows: mine as unknown as R[], rowCount: mine.length };
    },
  };
  const ask = (only?: number) =>
    settle({
      ...(only === undefined ? {} : { only }),
      groups,
      cluster,
      sql: sql as Sql,
      partitions: 2,
      timeoutMs: 30,
      signal: new AbortController().signal,
    });
  return { control, ask };
}

describe('settled', () => {
  test('asks for the ends of the events only after everything was decided', async () => {
    const { control, ask } = world();
    expect(await ask()).toEqual({
      topicId: 'events-id',
      ends: new Map([
        [0, 9n],
        [1, 0n],
      ]),
    });
    expect(control.asked).toEqual([TOPICS.commands, 'decided', TOPICS.events, 'applied']);
  });

  test('is refused while a command is not decided, or nothing was ever said of a partition with commands', async () => {
    const { control, ask } = world();
    control.decided.set(1, 2n);
    await expect(ask()).rejects.toThrow('the commands role to decide');
    control.decided.delete(1);
    await expect(ask()).rejects.toThrow('the commands role to decide');
    expect(control.asked).not.toContain(TOPICS.events);
  });

  test('is refused while an event is not applied, or what was applied is of another topic', async () => {
    const { control, ask } = world();
    control.applied = [8n, 0n];
    await expect(ask()).rejects.toThrow('the projection to apply');
    control.applied = [9n, 0n];
    control.topicId = 'older-id';
    await expect(ask()).rejects.toThrow('the projection to apply');
  });

  test('of one partition asks nothing of the others, and everything of that one', async () => {
    const { control, ask } = world();
    control.decided.set(0, 4n);
    control.applied = [8n, 0n];
    expect(await ask(1)).toEqual({ topicId: 'events-id', ends: new Map([[1, 0n]]) });
    control.decided.set(1, 2n);
    await expect(ask(1)).rejects.toThrow('the commands role to decide');
    control.decided.set(1, 3n);
    control.eventEnds = [9n, 1n];
    await expect(ask(1)).rejects.toThrow('the projection to apply');
  });

  test('is refused when a broker does not tell an end', async () => {
    const { control, ask } = world();
    control.silent = true;
    await expect(ask()).rejects.toThrow('broker 2 is silent');
  });

  test('is reached only when no partition is before its end', () => {
    const offsets = fc.array(
      fc.tuple(fc.bigInt({ min: 0n, max: 3n }), fc.option(fc.bigInt({ min: 0n, max: 3n }))),
    );
    fc.assert(
      fc.property(offsets, (all) => {
        const positions = new Map(all.flatMap(([, at], partition) => (at === null ? [] : [[partition, at]])));
        const missing = all.some(([end, at]) => (at ?? 0n) < end);
        expect(reached(positions, new Map(all.map(([end], partition) => [partition, end])))).toBe(!missing);
      }),
    );
  });
});
