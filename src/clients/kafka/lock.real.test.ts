import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KafkaFixture, openKafkaFixture } from '../../../test/support/kafka-fixture.ts';
import { acquireLock } from './lock.ts';

let fixture: KafkaFixture;
const ask = (owner: string, nowMs = Date.now) =>
  acquireLock(fixture.kafka.target, {
    ...{ topic: 'locked', groupId: 'lockers', owner, nowMs },
    timeoutMs: 30_000,
  });

beforeAll(async () => {
  fixture = await openKafkaFixture('uplift-kafka-lock');
  await fixture.create('locked', 1);
});

afterAll(async () => {
  await fixture?.close();
});

describe('the lock of a cluster', () => {
  it('is had by one, says who that is, and is free once it was released', async () => {
    const first = await ask('the first');
    if (first.kind !== 'held') throw new Error('it is not free');
    expect(await ask('the second')).toEqual({ kind: 'taken', by: 'the first' });
    await expect.poll(() => first.lock.held(), { timeout: 15_000 }).toBe(true);
    await first.lock.release();
    expect(first.lock.held()).toBe(false);
    const third = await ask('the third');
    expect(third.kind).toBe('held');
    if (third.kind === 'held') await third.lock.release();
  });

  it('stays with its holder when somebody comes whose clock is an hour slow', async () => {
    const first = await ask('the first');
    if (first.kind !== 'held') throw new Error('it is not free');
    expect(await ask('the slow one', () => Date.now() - 3_600_000)).toEqual({
      kind: 'taken',
      by: 'the first',
    });
    await expect.poll(() => first.lock.held(), { timeout: 15_000 }).toBe(true);
    await first.lock.release();
  });

  it('is had by exactly one of those who ask at the same time', async () => {
    const all = await Promise.all(['a', 'b', 'c'].map((owner) => ask(owner)));
    const held = all.flatMap((each) => (each.kind === 'held' ? [each.lock] : []));
    // A newcomer can take it from one who was told first, but never be told so beside it.
    await expect.poll(() => held.filter((lock) => lock.held()).length, { timeout: 15_000 }).toBe(1);
    for (const lock of held) await lock.release();
  });
});
