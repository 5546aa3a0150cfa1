import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { QuorumState } from '../../clients/kafka/ports.ts';
import {
  beginQuorum,
  electionBoundMs,
  foldQuorum,
  type QuorumSeen,
  quorumTrouble,
  watchQuorum,
} from './quorum.ts';

const MS = 1_000_000n;
const BOUND_MS = 8000;

/** A quorum of 1, 2, 3 in which the leader saw each of these caught up at that moment of its clock. */
const answer = (
  leaderId: number,
  leaderEpoch: number,
  caughtUp: Readonly<Record<number, number>>,
): QuorumState => ({
  ...{ leaderId, leaderEpoch },
  voters: [1, 2, 3].map((id) => ({ id, logEndOffset: 1n, lastCaughtUpMs: caughtUp[id] ?? -1 })),
});

/** Looks one after the other, 250 ms apart; undefined: nobody answered. */
function watching(voters: readonly number[]) {
  let nowMs = 0;
  let next: QuorumState | undefined;
  let open = 0;
  const watch = watchQuorum({
    ...{ voters, boundMs: BOUND_MS, monoNs: () => BigInt(nowMs) * MS },
    open: () => {
      open += 1;
      return {
        quorum: async () => {
          if (next === undefined) throw new Error('no answer');
          return next;
        },
        close: async () => {
          open -= 1;
        },
      };
    },
  });
  const look = (state: QuorumState | undefined): Promise<string | undefined> => {
    nowMs += 250;
    next = state;
    return watch.look().catch((error: unknown) => `nobody can watch: ${String(error)}`);
  };
  /** What the looks of this time say, each once. */
  const looks = async (forMs: number, of: (nowMs: number) => QuorumState | undefined): Promise<string[]> => {
    const said = new Set<string>();
    for (const endsMs = nowMs + forMs; nowMs < endsMs; ) {
      const text = await look(of(nowMs));
      if (text !== undefined) said.add(text);
    }
    return [...said];
  };
  return { looks, watch, open: () => open };
}

describe('the watch of the metadata quorum', () => {
  it('says nothing of a quorum that is well, whatever became of the victim', async () => {
    const { looks } = watching([2, 3]);
    expect(await looks(60_000, (now) => answer(2, 7, { 1: 0, 2: now, 3: now }))).toEqual([]);
  });

  it('says nothing while a quorum whose leader was struck elects another one', async () => {
    const { looks } = watching([2, 3]);
    expect(await looks(1000, (now) => answer(1, 7, { 1: now, 2: now, 3: now }))).toEqual([]);
    expect(await looks(5000, () => undefined)).toEqual([]);
    // The new leader knows of nobody yet.
    expect(await looks(2000, (now) => answer(2, 8, { 2: now }))).toEqual([]);
    expect(await looks(30_000, (now) => answer(2, 8, { 2: now, 3: now }))).toEqual([]);
  });

  it('names a voter beside the victim that follows no more, although every broker is there', async () => {
    const { looks } = watching([2, 3]);
    const dead = (now: number): QuorumState => answer(2, 7, { 1: 0, 2: now, 3: 500 });
    expect(await looks(BOUND_MS, dead)).toEqual([]);
    expect(await looks(2000, dead)).toEqual([
      'voter 3 has not followed the metadata quorum for more than 8.0 s',
    ]);
  });

  it('names a voter that died with the leader, once another one has led for long enough', async () => {
    const { looks } = watching([2, 3]);
    await looks(1000, (now) => answer(1, 7, { 1: now, 2: now, 3: now }));
    await looks(4000, () => undefined);
    expect(await looks(BOUND_MS, (now) => answer(2, 8, { 2: now }))).toEqual([]);
    expect(await looks(1000, (now) => answer(2, 8, { 2: now }))).toEqual([
      'voter 3 has not followed the metadata quorum for more than 8.0 s',
    ]);
  });

  it('does not ask of a voter that did not follow before the fault', async () => {
    const { looks } = watching([2]);
    expect(await looks(60_000, (now) => answer(2, 7, { 2: now }))).toEqual([]);
  });

  it('says that there is no leader after the time that an election may take', async () => {
    const { looks } = watching([2, 3]);
    expect(await looks(BOUND_MS, () => answer(-1, 7, {}))).toEqual([]);
    expect(await looks(1000, () => answer(-1, 7, {}))).toEqual([
      'the metadata quorum has had no leader for more than 8.0 s',
    ]);
  });

  it('rejects where nobody answers for longer than that, and is well again when somebody does', async () => {
    const { looks } = watching([2, 3]);
    expect(await looks(BOUND_MS, () => undefined)).toEqual([]);
    expect(await looks(1000, () => undefined)).toEqual([
      'nobody can watch: Error: no answer about the metadata quorum for more than 8.0 s: no answer',
    ]);
    expect(await looks(1000, (now) => answer(2, 8, { 2: now, 3: now }))).toEqual([]);
  });

  it('opens its connections at the first look and closes them', async () => {
    const { looks, watch, open } = watching([]);
    await watch.close();
    expect(open()).toBe(0);
    await looks(500, () => undefined);
    expect(open()).toBe(1);
    await watch.close();
    expect(open()).toBe(0);
  });
});

it('an election may take two rounds of its time-outs; what was not read counts as by default', () => {
  const entry = (name: string, value: string | null) => ({ name, value, own: false });
  expect(electionBoundMs(undefined)).toBe(8000);
  expect(electionBoundMs([entry('controller.quorum.fetch.timeout.ms', '10000')])).toBe(24_000);
  expect(electionBoundMs([entry('controller.quorum.fetch.timeout.ms', null)])).toBe(8000);
  expect(electionBoundMs([entry('controller.quorum.fetch.timeout.ms', 'soon')])).toBe(8000);
});

/** What one look finds: no leader, or a leader (of a new epoch or not) under which voter 3 moves on or stands. */
const looked = fc.record({
  afterMs: fc.integer({ min: 1, max: 5000 }),
  kind: fc.constantFrom('leaderless', 'follows', 'stands'),
  elected: fc.boolean(),
});

it('there is trouble exactly where a leader or a follower was last seen longer ago than the bound', () => {
  fc.assert(
    fc.property(fc.array(looked, { maxLength: 30 }), (looks) => {
      let [nowMs, epoch, mark] = [0, 0, 0];
      const last = { ledMs: 0, followedMs: 0 };
      let seen: QuorumSeen = beginQuorum([3], 0n);
      for (const [at, { afterMs, kind, elected }] of looks.entries()) {
        nowMs += afterMs;
        const led = kind !== 'leaderless';
        const follows = kind === 'follows';
        epoch = led && (elected || epoch === 0) ? at + 1 : epoch;
        mark += Number(follows);
        const state = answer(led ? 2 : -1, epoch, { 2: nowMs, 3: mark });
        if (led) last.ledMs = nowMs;
        if (follows || (led && epoch === at + 1)) last.followedMs = nowMs;
        seen = foldQuorum(seen, state, BigInt(nowMs) * MS);
        const late = nowMs - Math.min(last.ledMs, last.followedMs) > BOUND_MS;
        expect(quorumTrouble(seen, BigInt(nowMs) * MS, BOUND_MS) !== undefined).toBe(late);
      }
    }),
  );
});
