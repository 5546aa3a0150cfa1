import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addAssignment, assignReplicas, type BrokerLoad } from './assignment.ts';

const cluster = (racks: number, perRack: number): BrokerLoad[] =>
  Array.from({ length: racks * perRack }, (_, i) => ({
    id: i + 1,
    rack: `az-${i % racks}`,
    replicas: 0,
    leaders: 0,
  }));

const shapes = fc.record({
  racks: fc.integer({ min: 1, max: 5 }),
  perRack: fc.integer({ min: 1, max: 4 }),
  partitions: fc.integer({ min: 1, max: 60 }),
  replicationFactor: fc.integer({ min: 1, max: 5 }),
});

const spread = (values: readonly number[]): number => Math.max(...values) - Math.min(...values);

describe('assignReplicas', () => {
  it('never puts two replicas of a partition on one broker, nor on one rack while another rack is free', () => {
    fc.assert(
      fc.property(shapes, ({ racks, perRack, partitions, replicationFactor }) => {
        const brokers = cluster(racks, perRack);
        const plan = assignReplicas(brokers, partitions, replicationFactor);
        expect(plan?.length).toBe(brokers.length < replicationFactor ? undefined : partitions);
        for (const replicas of plan ?? []) {
          expect(new Set(replicas).size).toBe(replicationFactor);
          const used = new Set(replicas.map((id) => brokers.find((b) => b.id === id)?.rack));
          expect(used.size).toBe(Math.min(racks, replicationFactor));
        }
      }),
    );
  });

  it('keeps leaders and replicas level over equal racks', () => {
    fc.assert(
      fc.property(shapes, ({ racks, perRack, partitions, replicationFactor }) => {
        const brokers = cluster(racks, perRack);
        const plan = assignReplicas(brokers, partitions, replicationFactor);
        if (plan === undefined) return;
        const after = addAssignment(brokers, plan);
        expect(spread(after.map((b) => b.leaders))).toBeLessThanOrEqual(1);
        expect(spread(after.map((b) => b.replicas))).toBeLessThanOrEqual(2);
      }),
    );
  });

  it('spreads the leaders of a lost broker over the two others (3 brokers, 24 partitions)', () => {
    const plan = assignReplicas(cluster(3, 1), 24, 3) ?? [];
    const heirs = plan.filter(([leader]) => leader === 1).map(([, heir]) => heir);
    expect(heirs.filter((id) => id === 2)).toHaveLength(4);
    expect(heirs.filter((id) => id === 3)).toHaveLength(4);
  });

  it('goes on from what the brokers already carry', () => {
    const brokers = cluster(3, 1);
    const first = assignReplicas(brokers, 1, 1) ?? [];
    const second = assignReplicas(addAssignment(brokers, first), 1, 1) ?? [];
    expect(second[0]).not.toEqual(first[0]);
  });
});
