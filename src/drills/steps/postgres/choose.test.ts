import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slotOf } from '../../../clients/postgres/standby.ts';
import type { ServerLook } from '../../actuators/postgres.ts';
import { chooseMostAdvanced, comparePositions, lsnOf } from './choose.ts';

const replica = (timeline: number, position: number): ServerLook => ({
  up: true,
  inRecovery: true,
  timeline,
  lsn: `${(position >> 16).toString(16).toUpperCase()}/${(position & 0xffff).toString(16).toUpperCase()}`,
  receiving: false,
  followsNobody: false,
  synchronousStandbyNames: '',
  standbys: [],
  slots: [],
});
const away: ServerLook = { up: false, stopped: true, reason: 'its process is exited' };

/** Up to five replicas, some away, each with a position; who of them is synchronous, and how many must have a commit. */
const world = fc
  .array(
    fc.record({
      position: fc.integer({ min: 0, max: 200_000 }),
      up: fc.boolean(),
      synchronous: fc.boolean(),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .chain((given) => {
    const replicas = given.map((each, at) => ({ ...each, server: `az-${'bcdef'[at]}` }));
    const names = replicas.filter(({ synchronous }) => synchronous).map(({ server }) => slotOf(server));
    return fc.record({
      replicas: fc.constant(replicas),
      names: fc.constant(names),
      count: fc.integer({ min: 1, max: Math.max(1, names.length) }),
    });
  });

describe('the choice of the most advanced replica', () => {
  it('holds every acknowledged commit, whatever is away: the furthest position that count of the synchronous ones have', () => {
    fc.assert(
      fc.property(world, ({ replicas, names, count }) => {
        fc.pre(names.length > 0);
        const synchronous = replicas.filter(({ server }) => names.includes(slotOf(server)));
        // The naive oracle: a commit is acknowledged once `count` of them have it, so the count-th furthest tells.
        const acknowledged = synchronous.map(({ position }) => position).toSorted((a, b) => b - a)[count - 1];
        const choice = chooseMostAdvanced({
          replicas: replicas.map(({ server, up, position }) => ({
            server,
            look: up ? replica(1, position) : away,
          })),
          candidates: replicas.map(({ server }) => server),
          sync: { method: 'ANY', count, names },
        });
        if (!choice.ok) return;
        const chosen = replicas.find(({ server }) => server === choice.server);
        expect(chosen?.up).toBe(true);
        expect(chosen?.position).toBeGreaterThanOrEqual(acknowledged ?? 0);
        for (const other of replicas.filter(({ up }) => up))
          expect(chosen?.position).toBeGreaterThanOrEqual(other.position);
      }),
      { numRuns: 2000 },
    );
  });

  it('is refused exactly where those that answer could all lack an acknowledged commit', () => {
    fc.assert(
      fc.property(world, ({ replicas, names, count }) => {
        fc.pre(names.length > 0);
        const silent = replicas.filter(({ server, up }) => !up && names.includes(slotOf(server))).length;
        const nobody = replicas.every(({ up }) => !up);
        const { ok } = chooseMostAdvanced({
          replicas: replicas.map(({ server, up, position }) => ({
            server,
            look: up ? replica(1, position) : away,
          })),
          candidates: replicas.map(({ server }) => server),
          sync: { method: 'ANY', count, names },
        });
        expect(ok).toBe(!nobody && silent < count);
      }),
      { numRuns: 2000 },
    );
  });

  it('takes a newer timeline before a higher position, and the first candidate where several are equal', () => {
    const choose = (b: ServerLook, c: ServerLook, candidates = ['az-c', 'az-b']) =>
      chooseMostAdvanced({
        replicas: [
          { server: 'az-b', look: b },
          { server: 'az-c', look: c },
        ],
        candidates,
        sync: { method: 'ANY', count: 1, names: ['az_b', 'az_c'] },
      });
    expect(choose(replica(2, 10), replica(1, 20))).toMatchObject({ ok: true, server: 'az-b', timeline: 2 });
    expect(choose(replica(1, 20), replica(1, 20))).toMatchObject({ ok: true, server: 'az-c' });
    expect(choose(replica(1, 21), replica(1, 20), ['az-c'])).toEqual({
      ok: false,
      reason: 'az-b is ahead, at 0/15 on timeline 1, of az-c',
    });
  });

  it('says of an asynchronous set that acknowledged commits may be missing', () => {
    const replicas = [{ server: 'az-b', look: replica(1, 5) }];
    expect(chooseMostAdvanced({ replicas, candidates: ['az-b'], sync: null })).toMatchObject({
      server: 'az-b',
      holdsEveryAcknowledged: false,
    });
  });
});

describe('log positions', () => {
  it('are ordered as 64-bit numbers, not as text', () => {
    expect(lsnOf('16/B374D848')).toBe(0x16b374d848n);
    expect(comparePositions({ timeline: 1, lsn: '10/0' }, { timeline: 1, lsn: '9/FF000000' })).toBe(1);
    expect(() => lsnOf('')).toThrow(/not a log position/);
  });
});
