import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BROKER_THROTTLES, diffThrottles, type Throttle, TOPIC_THROTTLES, throttlesOf } from './throttles.ts';

const entry = (name: string, value: string | null) => ({ name, value, own: true });

it('only what limits something counts as a throttle', () => {
  const [rate = '', other = ''] = BROKER_THROTTLES;
  const [replicas = '', empty = ''] = TOPIC_THROTTLES;
  const brokers = new Map([
    [2, [entry(rate, '1000'), entry(other, '9223372036854775807'), entry('log.dirs', '/a')]],
    [1, [entry(rate, null), entry(other, '7')]],
  ]);
  const topics = new Map([['t', [entry(replicas, '0:1'), entry(empty, ''), entry(rate, '5')]]]);
  expect(throttlesOf(brokers, topics)).toEqual([
    { of: 'broker 1', name: other, value: '7' },
    { of: 'broker 2', name: rate, value: '1000' },
    { of: 'topic t', name: replicas, value: '0:1' },
  ]);
});

const throttles: fc.Arbitrary<Throttle[]> = fc.uniqueArray(
  fc.record({
    of: fc.constantFrom('broker 1', 'broker 2', 'topic t'),
    name: fc.constantFrom(...BROKER_THROTTLES),
    value: fc.constantFrom('1', '2'),
  }),
  { selector: ({ of, name }) => `${of} ${name}` },
);

it('there is a difference for each throttle that is not on both sides as it is, and for none else', () => {
  fc.assert(
    fc.property(throttles, throttles, (before, after) => {
      const has = (all: readonly Throttle[], one: Throttle): boolean =>
        all.some((each) => each.of === one.of && each.name === one.name && each.value === one.value);
      const changed = [
        ...before.filter((one) => !has(after, one)),
        ...after.filter((one) => !has(before, one)),
      ];
      const keys = new Set(changed.map(({ of, name }) => `${of} ${name}`));
      expect(diffThrottles(before, after)).toHaveLength(keys.size);
      expect(diffThrottles(before, before)).toEqual([]);
    }),
  );
});
