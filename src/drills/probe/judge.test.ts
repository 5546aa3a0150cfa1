import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstAckNs, judgeProbe, type ProbeEvidence, probeVerdict, proveProbe, reportOf } from './judge.ts';
import type { ProbeRead, ProbeReads, ProbeWrite } from './probe.ts';

const GROUPS = ['shard 1', 'shard 2'];
const PLACES = GROUPS.flatMap((group) =>
  [`master of ${group}`, `replica of ${group}`].map((place) => ({ place, group })),
);
const MS = 1_000_000n;
const faultNs = 1000n * MS;

const write = fc.record({ outcome: fc.constantFrom('ok', 'fail', 'info'), at: fc.nat(5000) });
/** What happened to each write in the store, place by place. */
const writes: fc.Arbitrary<ProbeWrite[]> = fc.array(write, { maxLength: 60 }).map((all) =>
  all
    .toSorted((a, b) => a.at - b.at)
    .map(({ outcome, at }, n) => ({
      id: `id ${n}`,
      group: GROUPS[n % 2] ?? '',
      endedNs: BigInt(at) * MS,
      outcome: outcome as ProbeWrite['outcome'],
    })),
);

/** A store that has what it acknowledged, and some of what nobody knows. */
function whole(all: readonly ProbeWrite[], kept: (n: number) => boolean = () => false): ProbeRead[] {
  return PLACES.map(({ place, group }) => ({
    place,
    group,
    ids: all.flatMap((one, n) =>
      one.group === group && (one.outcome === 'ok' || (one.outcome === 'info' && kept(n))) ? [one.id] : [],
    ),
  }));
}

describe('judging a store by its probe', () => {
  it('says nothing against a store that has what it acknowledged, whatever became of the rest', () => {
    fc.assert(
      fc.property(writes, fc.func(fc.boolean()), (all, kept) => {
        const judged = judgeProbe({ writes: all, reads: { places: whole(all, kept) }, faultNs });
        expect(judged).toMatchObject({ lost: [], phantom: [], duplicate: [] });
        expect(judged.acknowledged + judged.refused + judged.unknown).toBe(all.length);
      }),
    );
  });

  it('names exactly what is taken away, with the places that do not have it', () => {
    fc.assert(
      fc.property(writes, fc.array(fc.tuple(fc.nat(3), fc.nat(59))), (all, taken) => {
        const places = whole(all).map((read, at) => ({
          ...read,
          ids: read.ids.filter((id) => !taken.some(([place, n]) => place === at && id === `id ${n}`)),
        }));
        const { lost } = judgeProbe({ writes: all, reads: { places }, faultNs });
        const gone = all.filter(
          ({ id, group, outcome }) =>
            outcome === 'ok' && places.some((read) => read.group === group && !read.ids.includes(id)),
        );
        expect(lost.map(({ id }) => id)).toEqual(gone.map(({ id }) => id));
        for (const { id, missingAt } of lost)
          for (const read of places) if (missingAt.includes(read.place)) expect(read.ids).not.toContain(id);
      }),
    );
  });

  it('names what was refused and is there all the same, what nobody wrote, and what is there twice', () => {
    const all: ProbeWrite[] = [
      { id: 'a', group: 'shard 1', endedNs: 0n, outcome: 'fail' },
      { id: 'b', group: 'shard 1', endedNs: 1n, outcome: 'ok' },
    ];
    const places = [{ place: 'master', group: 'shard 1', ids: ['a', 'b', 'b', 'c'] }];
    expect(judgeProbe({ writes: all, reads: { places }, faultNs })).toMatchObject({
      lost: [],
      phantom: ['a', 'c'],
      duplicate: ['b'],
    });
  });
});

describe('the proof of the judge', () => {
  const enough = writes.filter((all) =>
    GROUPS.every((group) => all.some((w) => w.group === group && w.outcome === 'ok')),
  );

  it('names a loss planted in each place', () => {
    fc.assert(
      fc.property(enough, (all) => {
        const evidence = { writes: all, reads: { places: whole(all) }, faultNs };
        expect(proveProbe(evidence)).toEqual({ planted: 4, named: 4 });
      }),
    );
  });

  it('fails a judge that does not look at replicas, and one that says of everything that it is lost', () => {
    fc.assert(
      fc.property(enough, (all) => {
        const evidence = { writes: all, reads: { places: whole(all) }, faultNs };
        const mastersOnly = ({ reads, ...rest }: ProbeEvidence) =>
          judgeProbe({
            ...rest,
            reads: { places: reads.places.filter(({ place }) => place.startsWith('master')) },
          });
        expect(proveProbe(evidence, mastersOnly).named).toBe(2);
        const everything = () => ({
          lost: all.map(({ id, group }) => ({ id, group, acknowledgedAfterFaultMs: 0, missingAt: [] })),
        });
        expect(proveProbe(evidence, everything).named).toBe(0);
      }),
    );
  });
});

describe('what a probe says of a drill', () => {
  const store = { store: 'Redis', durability: 'SET', struck: new Set(['shard 1']) };
  const ok = (n: number, atMs: number): ProbeWrite => ({
    id: `id ${n}`,
    group: 'shard 1',
    endedNs: BigInt(atMs) * MS,
    outcome: 'ok',
  });
  const all = [ok(0, 500), ok(1, 990), ok(2, 4000), ok(3, 4010)];
  const evidence = {
    writes: all,
    reads: { places: whole(all).slice(0, 2), unread: [] },
    faultNs,
    restoredNs: 4005n * MS,
  };
  const verdict = (change: Partial<ProbeEvidence & { reads: ProbeReads }>) =>
    probeVerdict(reportOf(store, { ...evidence, ...change }));

  it('is nothing where everything stands and everything was read', () => {
    expect(verdict({})).toEqual({ broken: [], missing: [] });
    expect(reportOf(store, evidence).struck).toEqual({
      acknowledgedJustBefore: 2,
      acknowledgedAfter: 2,
      silentMs: 3010,
    });
    expect(firstAckNs({ ...store, writes: () => all }, 1500n * MS)).toBe(4000n * MS);
    expect(firstAckNs({ ...store, writes: () => all }, 4011n * MS)).toBeNull();
  });

  it('breaks the promise with a loss, and leaves it open without reads or without writes where it struck', () => {
    const [master, replica] = evidence.reads.places;
    const without = [{ ...master, ids: ['id 0', 'id 2', 'id 3'] }, replica] as ProbeRead[];
    const lossy = { places: without, unread: [] };
    expect(verdict({ reads: lossy }).broken).toEqual(['Redis lost 1 acknowledged writes of the probe']);
    expect(reportOf(store, { ...evidence, reads: lossy }).lost).toEqual([
      { id: 'id 1', group: 'shard 1', acknowledgedAfterFaultMs: -10, missingAt: ['master of shard 1'] },
    ]);
    expect(verdict({ reads: { places: [], unread: ['h:1 was not read'] } }).missing).toContain(
      'h:1 was not read',
    );
    expect(verdict({ reads: { places: [], unread: [] } }).missing).toEqual([
      'what the probe wrote to shard 1 in Redis was read back from nowhere',
      'only 0 of 0 losses planted in Redis were named',
    ]);
    const elsewhere: ProbeWrite = { ...ok(4, 4020), group: 'shard 2' };
    expect(verdict({ writes: [...all, elsewhere] }).missing).toEqual([
      'what the probe wrote to shard 2 in Redis was read back from nowhere',
    ]);
    expect(verdict({ faultNs: 0n }).missing).toEqual([expect.stringContaining('within 1 s before')]);
    expect(verdict({ faultNs: 4011n * MS }).missing).toEqual([expect.stringContaining('after the fault')]);
  });
});
