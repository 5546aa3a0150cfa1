import { describe, expect, it } from 'vitest';
import type { GroupListing, PartitionOffset, Told, TopicPartition } from '../clients/kafka/group-ports.ts';
import type { ProjectionSource } from '../facts/groups/look.ts';
import { judgeConsumer } from './judge.ts';
import type { ConsumerLag } from './types.ts';
import { type WatchRequest, watchLag } from './watch.ts';

const TOLERANCE_MS = 1000;
const PATIENCE_MS = 400;

/** A cluster in memory: topic `t` with two partitions of ten records, each `ageMs` old. */
function setUp(over: Partial<WatchRequest> = {}) {
  const asked: string[] = [];
  const world = {
    ageMs: 5000,
    gaps: [] as string[],
    positions: new Map<string, readonly bigint[] | string>(),
    protocolTypes: new Map<string, string>(),
    away: '',
    onCommitted: (_round: number): void => undefined,
  };
  let rounds = 0;
  const partitions = [0, 1].map((partition) => ({
    partition,
    leader: 1,
    leaderEpoch: 0,
    replicas: [1],
    isr: [1],
    offlineReplicas: [],
  }));
  const topics = [{ name: 't', id: 'T', internal: false, partitions }];
  const groups: WatchRequest['groups'] = {
    list: async () => {
      if (world.away !== '') throw new Error(world.away);
      const listings = [...world.positions.keys()].map(
        (groupId): GroupListing => ({
          groupId,
          state: 'Stable',
          protocolType: world.protocolTypes.get(groupId) ?? 'consumer',
          coordinator: 1,
        }),
      );
      return { state: { clusterId: 'c', brokers: [], topics }, groups: listings, gaps: world.gaps };
    },
    committed: async (wanted) => {
      rounds += 1;
      world.onCommitted(rounds);
      asked.push(`committed ${wanted.map(({ groupId }) => groupId).join()}`);
      return wanted.map(({ groupId }): Told<readonly PartitionOffset[]> => {
        const at = world.positions.get(groupId) ?? [];
        if (typeof at === 'string') return { told: false, reason: at };
        return { told: true, value: at.map((offset, partition) => ({ topic: 't', partition, offset })) };
      });
    },
    edges: async (wanted: readonly TopicPartition[], edge) => {
      asked.push(edge);
      return wanted.map(() => ({ told: true, value: edge === 'start' ? 0n : 10n }));
    },
    times: async (wanted) => {
      asked.push(`times ${wanted.length}`);
      return wanted.map(() => ({ told: true, value: Date.now() - world.ageMs }));
    },
    requests: () => asked.length,
  };
  const run = async (): Promise<Map<string, ConsumerLag>> => {
    const facts = await watchLag({
      groups,
      projections: [],
      only: [],
      intervalMs: 10,
      patienceMs: PATIENCE_MS,
      toleranceMs: () => TOLERANCE_MS,
      timeoutMs: 1000,
      nowMs: Date.now,
      signal: new AbortController().signal,
      ...over,
    });
    const options = { toleranceMs: TOLERANCE_MS, stalledAfterMs: PATIENCE_MS };
    return new Map(facts.consumers.map((one) => [one.name, judgeConsumer(one, options)]));
  };
  return { world, asked, run };
}

describe('watching', () => {
  it('looks twice at what keeps up, ends always after positions, and reads no record of what is caught up', async () => {
    const { world, asked, run } = setUp();
    world.positions.set('done', [10n, 10n]);
    expect((await run()).get('done')?.state).toBe('idle');
    expect(asked).toEqual(['committed done', 'end', 'start', 'committed done', 'end']);
  });

  it('goes on only with what is far behind and stands still, until the patience is over', async () => {
    const { world, asked, run } = setUp();
    world.positions.set('done', [10n, 10n]).set('stuck', [4n, 10n]);
    const seen = await run();
    expect(seen.get('stuck')).toMatchObject({ state: 'stalled', records: 6 });
    expect(seen.get('stuck')?.windowMs).toBeGreaterThanOrEqual(PATIENCE_MS);
    const further = asked.filter((one) => one.startsWith('committed')).slice(2);
    expect(further.length).toBeGreaterThan(0);
    expect(new Set(further)).toEqual(new Set(['committed stuck']));
    // Its oldest record does not change while it stands still: read once.
    expect(asked.filter((one) => one.startsWith('times'))).toEqual(['times 1']);
    expect(asked.at(-1)).toBe('stable');
  });

  it('stops as soon as it moves', async () => {
    const { world, asked, run } = setUp({ patienceMs: 10_000 });
    world.positions.set('bursts', [4n]);
    world.onCommitted = (round) => {
      if (round === 3) world.positions.set('bursts', [8n]);
    };
    expect((await run()).get('bursts')).toMatchObject({ state: 'draining', records: 2 });
    expect(asked.filter((one) => one.startsWith('committed'))).toHaveLength(3);
  });

  it('does not wait for what stands still within its tolerance', async () => {
    const { world, asked, run } = setUp();
    world.ageMs = 500;
    world.positions.set('recent', [4n]);
    expect((await run()).get('recent')?.state).toBe('ok');
    expect(asked.filter((one) => one.startsWith('committed'))).toHaveLength(2);
  });

  it('leaves out what keeps no offsets, unless it is asked for by name', async () => {
    const all = setUp();
    all.world.positions.set('workers', []);
    all.world.protocolTypes.set('workers', 'connect');
    expect((await all.run()).size).toBe(0);
    const named = setUp({ only: ['workers'] });
    named.world.positions.set('workers', []);
    named.world.protocolTypes.set('workers', 'connect');
    expect((await named.run()).get('workers')?.state).toBe('noCommits');
  });

  it('says why a group has no answer, and shows the others', async () => {
    const { world, run } = setUp();
    world.positions.set('homeless', 'broker 2: connection refused').set('done', [10n]);
    const seen = await run();
    expect(seen.get('homeless')).toMatchObject({ state: 'noAnswer', reason: 'broker 2: connection refused' });
    expect(seen.get('done')?.state).toBe('idle');
  });

  it('calls a named group absent only when the list is complete', async () => {
    const complete = setUp({ only: ['x'] });
    expect((await complete.run()).get('x')).toMatchObject({ state: 'unknown' });
    const partial = setUp({ only: ['x'] });
    partial.world.gaps = ['broker 2: no answer'];
    expect((await partial.run()).get('x')).toMatchObject({ state: 'noAnswer' });
  });

  it('of a cluster that is away leaves the names that are known, without an answer', async () => {
    const projection: ProjectionSource = { name: 'p', topic: 't', positions: async () => [] };
    const { world, run } = setUp({ projections: [projection], only: ['p', 'g'] });
    world.away = 'Cannot reach Kafka';
    const seen = await run();
    expect([...seen.values()].map(({ name, kind, state }) => [name, kind, state])).toEqual([
      ['p', 'projection', 'noAnswer'],
      ['g', 'group', 'noAnswer'],
    ]);
  });

  it('can be aborted', async () => {
    const { world, run } = setUp({ signal: AbortSignal.abort('SIGINT') });
    world.positions.set('done', [10n]);
    await expect(run()).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('a projection', () => {
  const of = (positions: ProjectionSource['positions']): ProjectionSource => ({
    name: 'p',
    topic: 't',
    positions,
  });
  const row = (partition: number, offset: bigint, topicId = 'T') => ({
    topic: 't',
    partition,
    offset,
    topicId,
  });

  it('needs a position for every partition of its topic', async () => {
    const { run } = setUp({ projections: [of(async () => [row(0, 10n)])] });
    expect((await run()).get('p')).toMatchObject({
      state: 'unknown',
      behindIs: 'untold',
      reason: 't/1: it has no position for this partition',
    });
  });

  it('whose positions are of a topic that was made again is told apart from one that is behind', async () => {
    const { run } = setUp({ projections: [of(async () => [row(0, 3n, 'OLD'), row(1, 10n)])] });
    expect((await run()).get('p')).toMatchObject({ state: 'beyond', behindIs: 'untold' });
  });

  it('has no answer while its database is away', async () => {
    const positions = async (): Promise<never> => {
      throw new Error('Postgres is away');
    };
    const { run } = setUp({ projections: [of(positions)] });
    expect((await run()).get('p')).toMatchObject({ state: 'noAnswer', reason: 'Postgres is away' });
  });
});
