import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Cluster, Topics } from '../../../clients/kafka/ports.ts';
import { waitFor } from '../../../core/wait.ts';
import { KAFKA_PACE } from '../../kafka/settle.ts';
import { inTwo, type MoveArgs, moveLeadersStep, type Place, rotated } from './move-leaders.ts';

const places: fc.Arbitrary<Place[]> = fc.uniqueArray(
  fc.record({
    topic: fc.constantFrom('a', 'b'),
    partition: fc.nat(5),
    replicas: fc.shuffledSubarray([1, 2, 3, 4], { minLength: 2 }),
  }),
  { minLength: 1, maxLength: 6, selector: ({ topic, partition }) => `${topic}/${partition}` },
);

/** Partitions whose order can be changed and whose preferred replica can be elected; elections may be late. */
function clusterOf(initial: readonly Place[], lateElections = 0) {
  const state = new Map(
    initial.map((place) => [`${place.topic}/${place.partition}`, { ...place, leader: place.replicas[0] }]),
  );
  const leaders: string[] = [];
  let late = lateElections;
  const topics: Pick<Topics, 'reassign' | 'electPreferred'> = {
    async reassign(wanted) {
      for (const { topic, partition, replicas } of wanted) {
        const place = state.get(`${topic}/${partition}`);
        if (place !== undefined) place.replicas = [...replicas];
      }
      return wanted.map(({ topic, partition }) => ({ topic, partition, error: null }));
    },
    async electPreferred(wanted) {
      if (late > 0) late -= 1;
      else
        for (const { topic, partition } of wanted) {
          const place = state.get(`${topic}/${partition}`);
          if (place !== undefined) place.leader = place.replicas[0];
        }
      leaders.push([...state.values()].map(({ leader }) => leader).join());
      return wanted.map(({ topic, partition }) => ({ topic, partition, result: 'elected' }));
    },
  };
  const describe = async () => ({
    clusterId: 'here',
    topics: [...Map.groupBy(state.values(), ({ topic }) => topic)].map(([name, partitions]) => ({
      name,
      partitions,
    })),
  });
  const ports = {
    ...{ cluster: { describe } as unknown as Cluster, topics: topics as Topics, monoNs: () => 0n },
    kafkaPace: { ...KAFKA_PACE, wait: soon },
  };
  return { ports, leaders, now: () => [...state.values()] };
}

const byPlace = (a: Place, b: Place): number => a.topic.localeCompare(b.topic) || a.partition - b.partition;
const soon: typeof waitFor = (probe, wait) => waitFor(probe, { ...wait, intervalMs: 1 });
const control = { signal: new AbortController().signal };
const undo = (args: MoveArgs, ports: ReturnType<typeof clusterOf>['ports']) =>
  moveLeadersStep.undo === 'irreversible' ? undefined : moveLeadersStep.undo(args, ports, control);

describe('moving leaders', () => {
  it('keeps the set of replicas in every round, and has all of them lead in turn', () => {
    fc.assert(
      fc.property(places, fc.nat(20), (all, round) => {
        for (const place of all) {
          const moved = rotated(place, round);
          expect(moved.replicas.toSorted()).toEqual(place.replicas.toSorted());
          expect(moved.replicas[0]).toBe(place.replicas[round % place.replicas.length]);
        }
      }),
    );
  });

  it('lets some stay while others move: a send over several partitions meets both', () => {
    fc.assert(
      fc.property(places, (all) => {
        const parts = inTwo(all);
        expect(parts).toHaveLength(Math.min(2, all.length));
        const sizes = parts.map((part) => part.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        expect(parts.flat().toSorted(byPlace)).toEqual(all.toSorted(byPlace));
      }),
    );
  });

  it('ends with the order and the leaders it began with, wherever it was cut off', async () => {
    await fc.assert(
      fc.asyncProperty(places, fc.integer({ min: 0, max: 4 }), fc.nat(2), async (all, rounds, late) => {
        const { ports, now } = clusterOf(all, late);
        const args = { clusterId: 'here', partitions: all, rounds: Math.max(1, rounds), everyMs: 0 };
        if (rounds > 0) {
          await moveLeadersStep.do(args, ports, control);
          await moveLeadersStep.verify(args, ports, control);
        }
        await undo(args, ports);
        await undo(args, ports);
        for (const place of now()) {
          const was = all.find(
            ({ topic, partition }) => topic === place.topic && partition === place.partition,
          );
          expect(place).toMatchObject({ replicas: was?.replicas, leader: was?.replicas[0] });
        }
      }),
      { numRuns: 15 },
    );
  });

  it('touches no other cluster, neither to move nor to put back', async () => {
    const place: Place = { topic: 'a', partition: 0, replicas: [1, 2] };
    const { ports, leaders, now } = clusterOf([{ ...place, replicas: [2, 1] }]);
    const args = { clusterId: 'elsewhere', partitions: [place], rounds: 1, everyMs: 0 };
    const refusal = 'cluster here answers, not elsewhere: nothing was reordered';
    await expect(moveLeadersStep.do(args, ports, control)).rejects.toThrow(refusal);
    await expect(undo(args, ports)).rejects.toThrow(refusal);
    expect(leaders).toEqual([]);
    expect(now()).toMatchObject([{ replicas: [2, 1], leader: 2 }]);
  });

  it('says which partition could not be reordered', async () => {
    const place: Place = { topic: 'a', partition: 0, replicas: [1, 2] };
    const { ports } = clusterOf([place]);
    const reassign = async () => [{ topic: 'a', partition: 0, error: 'INVALID_REPLICA_ASSIGNMENT' }];
    const refusing = { ...ports, topics: { ...ports.topics, reassign } };
    await expect(
      moveLeadersStep.do(
        { clusterId: 'here', partitions: [place], rounds: 1, everyMs: 0 },
        refusing,
        control,
      ),
    ).rejects.toThrow('a/0 was not reordered: INVALID_REPLICA_ASSIGNMENT');
  });
});
