import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openCluster } from '../../src/clients/kafka/index.ts';
import {
  electionBoundMs,
  followingVoters,
  type QuorumWatch,
  watchQuorum,
} from '../../src/drills/kafka/quorum.ts';
import { type KafkaFixture, openKafkaFixture } from '../support/kafka-fixture.ts';

const BOUND_MS = electionBoundMs([]);
const LOOK_EVERY_MS = 250;

let fixture: KafkaFixture;

beforeAll(async () => {
  fixture = await openKafkaFixture('uplift-quorum');
});

afterAll(async () => {
  await fixture?.close();
});

const watchOf = (voters: readonly number[]): QuorumWatch =>
  watchQuorum({
    ...{ voters, boundMs: BOUND_MS, monoNs: () => process.hrtime.bigint() },
    open: () => openCluster(fixture.kafka.target),
  });

/** What the looks of this time say, in order; ends with the first that says something where `untilSaid`. */
async function looks(watch: QuorumWatch, forMs: number, untilSaid = false): Promise<string[]> {
  const said: string[] = [];
  const endsMs = performance.now() + forMs;
  while (performance.now() < endsMs && !(untilSaid && said.length > 0)) {
    const text = await watch.look().catch((error: unknown) => `nobody can watch: ${String(error)}`);
    if (text !== undefined) said.push(text);
    await delay(LOOK_EVERY_MS);
  }
  return said;
}

it('says nothing while a quorum elects, and names a voter that hangs and a majority that is lost', async () => {
  const { kafka, cluster } = fixture;
  const quorum = await cluster.quorum({ timeoutMs: 10_000 });
  expect(followingVoters(quorum).toSorted()).toEqual([1, 2, 3]);
  const leader = quorum.leaderId;
  const [one = 0, other = 0] = [1, 2, 3].filter((id) => id !== leader);

  const hanging = watchOf([leader, other]);
  expect(await looks(hanging, 2000)).toEqual([]);
  kafka.pause(other);
  const [named] = await looks(hanging, 2 * BOUND_MS, true);
  expect(named).toBe(`voter ${other} has not followed the metadata quorum for more than 8.0 s`);
  kafka.resume(other);
  await hanging.close();
  await kafka.healthy(30_000);

  // The victim leads: an election must end no drill.
  const now = await cluster.quorum({ timeoutMs: 10_000 });
  const left = [leader, one, other].filter((id) => id !== now.leaderId);
  const electing = watchOf(left);
  await kafka.kill(now.leaderId);
  expect(await looks(electing, 1.5 * BOUND_MS)).toEqual([]);
  const elected = await cluster.quorum({ timeoutMs: 10_000 });
  expect(left).toContain(elected.leaderId);

  kafka.pause(left.find((id) => id !== elected.leaderId) ?? 0);
  const [lost] = await looks(electing, 3 * BOUND_MS, true);
  expect(lost).toMatch(/the metadata quorum|has not followed/);
  await electing.close();
});
