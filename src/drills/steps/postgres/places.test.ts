import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slotOf } from '../../../clients/postgres/standby.ts';
import type { ServerLook } from '../../actuators/postgres.ts';
import { misplaced, placesOf } from './places.ts';
import type { PostgresSet } from './set.ts';
import { parseSyncNames, syncNamesText } from './sync-names.ts';

const sets = fc.integer({ min: 2, max: 6 }).chain((size) => {
  const servers = Array.from({ length: size }, (_, at) => `az-${'abcdef'[at]}`);
  return fc.record({
    leader: fc.constantFrom(...servers),
    set: fc.record({
      units: fc.constant('/units'),
      servers: fc.constant(servers),
      primary: fc.constantFrom(...servers),
      sync: fc.option(
        fc.record({
          method: fc.constantFrom('ANY' as const, 'FIRST' as const),
          count: fc.integer({ min: 1, max: 6 }),
          names: fc.constant(servers.slice(1).map(slotOf)),
        }),
      ),
      pool: fc.constant(null),
    }),
  });
});

/** Every server as it has to be. */
function looksOf(set: PostgresSet, leader: string): Map<string, ServerLook> {
  return new Map(
    placesOf(set, leader).map(({ server, role, slots }) => [
      server,
      {
        up: true,
        inRecovery: !role.leads,
        timeline: 2,
        lsn: '0/10',
        receiving: !role.leads,
        followsNobody: role.leads,
        synchronousStandbyNames: role.leads ? role.synchronousStandbyNames : '',
        standbys: slots.map((name) => ({ name, state: 'streaming', syncState: 'quorum' })),
        slots: [...slots, 'somebody_else'],
      },
    ]),
  );
}

describe('who has to be what', () => {
  it('is one leader whom all others follow, with a slot for each, and a rule that never names itself', () => {
    fc.assert(
      fc.property(sets, ({ set, leader }) => {
        const places = placesOf(set, leader);
        expect(places.map(({ server }) => server)).toEqual(set.servers);
        const [own, ...second] = places.filter(({ role }) => role.leads);
        expect(second).toEqual([]);
        expect(own?.server).toBe(leader);
        const others = set.servers.filter((server) => server !== leader);
        expect(own?.slots).toEqual(others.map(slotOf));
        for (const { server, role, slots } of places) {
          if (role.leads) continue;
          expect(role.follows).toBe(leader);
          expect(server).not.toBe(leader);
          expect(slots).toEqual([]);
        }
        const text = own?.role.leads === true ? own.role.synchronousStandbyNames : '';
        const rule = parseSyncNames(text);
        expect(rule?.method).toBe(set.sync?.method);
        if (set.sync === null) return;
        expect(rule?.names).toEqual(others.map(slotOf));
        // A rule that wants more than there are would stop every commit.
        expect(rule?.count).toBe(Math.min(set.sync.count, others.length));
      }),
    );
  });

  it('is nothing to complain about where it is so, and any single difference is named', () => {
    fc.assert(
      fc.property(sets, fc.nat(), fc.integer({ min: 0, max: 4 }), ({ set, leader }, pick, kind) => {
        const looks = looksOf(set, leader);
        expect(misplaced(set, leader, looks)).toEqual([]);
        const server = set.servers[pick % set.servers.length] ?? leader;
        const look = looks.get(server);
        if (look?.up !== true) throw new Error('a look is missing');
        const wrong: ServerLook[] = [
          { up: false, stopped: true, reason: 'gone' },
          { ...look, inRecovery: !look.inRecovery },
          { ...look, slots: server === leader ? [] : [slotOf(leader)] },
          ...(server === leader
            ? [
                { ...look, timeline: look.timeline + 1 },
                { ...look, synchronousStandbyNames: `ANY 1 (${slotOf(leader)})` },
                { ...look, standbys: look.standbys.map((each) => ({ ...each, state: 'catchup' })) },
              ]
            : []),
        ];
        looks.set(server, wrong[kind % wrong.length] ?? look);
        expect(misplaced(set, leader, looks)).not.toEqual([]);
        if (server !== leader) expect(misplaced(set, leader, looks, [server])).toEqual([]);
      }),
    );
  });
});

describe('synchronous_standby_names', () => {
  it('is read as Postgres reads it', () => {
    expect(parseSyncNames('ANY 1 (az_b, az_c)')).toEqual({
      method: 'ANY',
      count: 1,
      names: ['az_b', 'az_c'],
    });
    expect(parseSyncNames('2 (a, "b-1")')).toEqual({ method: 'FIRST', count: 2, names: ['a', 'b-1'] });
    expect(parseSyncNames('a,b')).toEqual({ method: 'FIRST', count: 1, names: ['a', 'b'] });
    expect(parseSyncNames('*')).toEqual({ method: 'FIRST', count: 1, names: ['*'] });
    expect(parseSyncNames('  ')).toBeNull();
    expect(() => parseSyncNames('ANY 1 ()')).toThrow(/not understood/);
  });

  it('comes back as it was written', () => {
    const names = fc.array(fc.stringMatching(/^[a-z_][a-z0-9_-]{0,8}$/), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        fc.constantFrom('ANY', 'FIRST'),
        fc.integer({ min: 1, max: 9 }),
        names,
        (method, count, all) => {
          const rule = { method, count, names: all } as const;
          expect(
            parseSyncNames(syncNamesText({ ...rule, method: method === 'ANY' ? 'ANY' : 'FIRST' })),
          ).toEqual(rule);
        },
      ),
    );
  });
});
