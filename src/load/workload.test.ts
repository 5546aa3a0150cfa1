import fc from 'fast-check';
import { expect, test } from 'vitest';
import { changeReservationSchema, createReservationSchema } from '../contract/http.ts';
import { eventIdOf, partitionOf, resourceKey } from '../contract/ids.ts';
import { askedOf } from './asked.ts';
import { type Outcomes, playOut } from './testing/play-out.ts';
import { type PlannedOperation, planWorkload, type WorkloadOptions } from './workload.ts';

const BASE: WorkloadOptions = { tenant: 'load-abc', partitions: 24, seed: 7, ratePerS: 50, capacity: 100 };

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
        for (const { partition } of take(count, { partitions, seed, ratePerS: 5 }))
          perPartition[partition] = (perPartition[partition] ?? 0) + 1;
        expect(Math.max(...perPartition) - Math.min(...perPartition)).toBeLessThanOrEqual(1);
      },
    ),
    { numRuns: 30 },
  );
});

test('an operation goes where its key is hashed to, under the event id of its key, as a valid request', () => {
  for (const planned of take(2_000)) {
    expect(planned.eventId).toBe(eventIdOf('load-abc', planned.idempotencyKey));
    for (const asked of [askedOf(planned, undefined), askedOf(planned, 'some-id')]) {
      expect(partitionOf(resourceKey('load-abc', asked.resource), 24)).toBe(planned.partition);
      const schema = asked.reservation === null ? createReservationSchema : changeReservationSchema;
      if (asked.body !== null) expect(schema.safeParse(asked.body).error).toBeUndefined();
      expect(asked.body === null).toBe(asked.verb === 'confirm' || asked.verb === 'cancel');
    }
  }
});

test('the same seed plans the same operations, another seed others; event ids never repeat', () => {
  expect(take(2_000)).toEqual(take(2_000));
  expect(take(300, { seed: 8 }).map((planned) => planned.resource)).not.toEqual(
    take(300).map((planned) => planned.resource),
  );
  expect(new Set(take(5_000).map((planned) => planned.eventId)).size).toBe(5_000);
});

test('a follow-up is about an earlier create of its partition that says so, late enough, and nothing comes after the last', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 120 }),
      fc.integer(),
      (partitions, ratePerS, seed) => {
        const all = take(2_000, { partitions, ratePerS, seed });
        const over = new Set<number>();
        for (const [index, { followUp, partition, followed, holdSeconds }] of all.entries()) {
          if (followUp === null) continue;
          const made = all[followUp.of];
          const wrong = [
            index - followUp.of < ratePerS * 5 && 'too early',
            (made?.partition !== partition || made.resource !== followUp.resource) && 'elsewhere',
            (made?.followUp !== null || !made.followed) && 'not about a create that says so',
            over.has(followUp.of) && 'after the last one',
            (holdSeconds === null || followed) && 'what is asked for in its place does not end by itself',
          ].filter((what) => what !== false);
          if (followUp.last) over.add(followUp.of);
          if (wrong.length > 0) expect.fail(`${index}: ${wrong.join(', ')}`);
        }
      },
    ),
    { numRuns: 30 },
  );
});

test('about as much ends as begins: what is live stays as it is once the first follow-ups have come', () => {
  const { live, counts } = playOut(take(50 * 600), BASE);
  const settled = live.slice(60);
  expect(Math.max(...settled)).toBeLessThan(1.5 * Math.min(...settled));
  const made = (counts.get('create accepted') ?? 0) + (counts.get('hold accepted') ?? 0);
  const ended = (counts.get('cancel accepted') ?? 0) + (counts.get('expired') ?? 0);
  expect(made - ended).toBe(live.at(-1));
});

test('every verb is accepted and refused, and creates find their slot full', () => {
  const { counts } = playOut(take(50 * 600), BASE);
  const share = (what: Outcomes): number => (counts.get(what) ?? 0) / (50 * 600);
  for (const accepted of ['create', 'hold', 'confirm', 'change', 'cancel'] as const)
    expect(share(`${accepted} accepted`), accepted).toBeGreaterThan(0.03);
  for (const refused of ['create full', 'hold full', 'confirm not-found', 'confirm not-held', 'change full'])
    expect(counts.get(refused as Outcomes), refused).toBeGreaterThan(10);
  expect(share('create full') + share('hold full')).toBeGreaterThan(0.01);
});

test('when nothing that was made is ever known, what is asked for instead ends by itself', () => {
  const { live } = playOut(take(50 * 200), { ...BASE, knows: (index) => index % 3 > 0 });
  const nothingEnds = playOut(take(50 * 200, { mix: 'creates' }), BASE);
  expect(live.at(-1)).toBeLessThan((nothingEnds.live.at(-1) ?? 0) / 3);
});

test('creates only: most operations are accepted and a share finds its slot full', () => {
  const all = take(20_000, { mix: 'creates' });
  expect(
    all.every(({ followUp, followed, holdSeconds }) => !followUp && !followed && holdSeconds === null),
  ).toBe(true);
  const { counts } = playOut(all, BASE);
  expect((counts.get('create full') ?? 0) / 20_000).toBeGreaterThan(0.02);
  expect((counts.get('create full') ?? 0) / 20_000).toBeLessThan(0.12);
});
