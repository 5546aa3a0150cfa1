import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createReservationSchema } from '../contract/http.ts';
import { eventIdOf, partitionOf, resourceKey } from '../contract/ids.ts';
import { type PlannedOperation, planWorkload, type WorkloadOptions } from './workload.ts';

const BASE: WorkloadOptions = { tenant: 'load-abc', partitions: 24, seed: 7, ratePerS: 200, capacity: 100 };

function take(count: number, options: Partial<WorkloadOptions> = {}): PlannedOperation[] {
  const workload = planWorkload({ ...BASE, ...options });
  return Array.from({ length: count }, (_, index) => workload.at(index));
}

test('every round hits each partition once, so partitions differ by one operation at most', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 0, max: 500 }),
      fc.integer(),
      (partitions, count, seed) => {
        const perPartition = Array.from({ length: partitions }, () => 0);
        for (const { partition } of take(count, { partitions, seed }))
          perPartition[partition] = (perPartition[partition] ?? 0) + 1;
        expect(Math.max(...perPartition) - Math.min(...perPartition)).toBeLessThanOrEqual(1);
      },
    ),
    { numRuns: 30 },
  );
});

test('an operation goes where its key is hashed to, under the event id of its key, as a valid request', () => {
  for (const planned of take(200)) {
    expect(partitionOf(resourceKey('load-abc', planned.resource), 24)).toBe(planned.partition);
    expect(planned.eventId).toBe(eventIdOf('load-abc', planned.idempotencyKey));
    const slot = {
      start: new Date(planned.slotStartMs).toISOString(),
      end: new Date(planned.slotEndMs).toISOString(),
    };
    expect(
      createReservationSchema.safeParse({ resource: planned.resource, slot, quantity: planned.quantity })
        .success,
    ).toBe(true);
  }
});

test('the same seed plans the same operations, another seed others; event ids never repeat', () => {
  expect(take(300)).toEqual(take(300));
  expect(take(300, { seed: 8 }).map((planned) => planned.resource)).not.toEqual(
    take(300).map((planned) => planned.resource),
  );
  expect(new Set(take(5_000).map((planned) => planned.eventId)).size).toBe(5_000);
});

test('most operations are accepted and a share finds its slot full, by the rule of capacity', () => {
  const held = new Map<string, PlannedOperation[]>();
  let full = 0;
  for (const planned of take(20_000, { mix: 'creates' })) {
    const list = held.get(planned.resource) ?? [];
    const overlapping = list.filter(
      (other) => other.slotStartMs < planned.slotEndMs && planned.slotStartMs < other.slotEndMs,
    );
    const taken = overlapping.reduce((sum, other) => sum + other.quantity, 0);
    if (taken + planned.quantity > BASE.capacity) full += 1;
    else held.set(planned.resource, [...list, planned]);
  }
  expect(full / 20_000).toBeGreaterThan(0.02);
  expect(full / 20_000).toBeLessThan(0.12);
});
