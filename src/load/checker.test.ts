import fc from 'fast-check';
import { expect, test } from 'vitest';
import { judge } from './checker.ts';
import { proveChecker } from './checker-proof.ts';
import type { ReservationRow } from './final-reads.ts';
import { DAMAGE, eraseCommands, eraseDecisions, eraseRows, park, replay } from './testing/damage.ts';
import {
  honestWorld,
  idOf,
  type OpSpec,
  REPLICAS,
  reservationIdOf,
  TENANT,
  type World,
  WRITER,
} from './testing/world.ts';
import { inputOf } from './testing/world-input.ts';
import type { Lost } from './verdicts.ts';

const PLAIN: OpSpec = {
  resource: 0,
  attempts: ['ok'],
  infoLands: true,
  copies: 0,
  slot: 0,
  quantity: 1,
  slowness: 0,
  unparseable: false,
};

const honest = (count: number): World =>
  honestWorld(
    Array.from({ length: count }, (_, index) => ({ ...PLAIN, resource: index % 4, slot: index })),
    6,
  );

/** Each operation with what differs from a create of one unit in slot 0 of resource 0. */
const course = (...specs: readonly Partial<OpSpec>[]): World =>
  honestWorld(
    specs.map((spec) => ({ ...PLAIN, ...spec })),
    6,
  );
/** Four full reservations of their own slots, of which each is then asked something more. */
const mixed = (): World =>
  course(
    { verb: 'hold', quantity: 6 },
    { slot: 1, quantity: 6 },
    { slot: 2, quantity: 6 },
    { slot: 3, quantity: 1 },
    { verb: 'confirm', of: 0 },
    { verb: 'cancel', of: 1 },
    { verb: 'change', of: 2, slot: 1, quantity: 6 },
    { slot: 2, quantity: 6 },
    { verb: 'change', of: 3, slot: 2, quantity: 1 },
  );

test.each([
  ['gateway → commands log', (world: World) => eraseCommands(world, idOf(3))],
  ['commands log → events log', (world: World) => eraseDecisions(world, idOf(3))],
  ['events log → writer', (world: World) => eraseRows(world, [WRITER, ...REPLICAS], idOf(3))],
  ['writer → replica az-b', (world: World) => eraseRows(world, ['az-b'], idOf(3))],
  ['writer → API', (world: World) => DAMAGE.api404(world, 3)],
] as const)('a loss at %s is named with its hop', (hop, damage) => {
  const world = honest(12);
  damage(world);
  const judgement = judge(inputOf(world));
  expect(judgement.lost.map(({ eventId, hop: at }) => [eventId, at])).toEqual([[idOf(3), hop]]);
  expect(judgement).toMatchObject({ verdict: 'fail', ends: { lost: 1, accepted: 11 } });
});

test('a lost command shows what stands at its claimed position', () => {
  const claimed = (damage: (log: World['commands'][number], at: number) => void): string => {
    const world = honest(12);
    const log = world.commands[1] ?? [];
    damage(
      log,
      log.findIndex((record) => record?.eventId === idOf(11)),
    );
    return (
      judge(inputOf(world)).lost.find(({ eventId }) => eventId === idOf(11))?.whatStandsThere ?? 'not lost'
    );
  };
  expect(claimed((log, at) => log.splice(at, 1, { eventId: idOf(1), tenant: TENANT }))).toBe(
    `holds ${idOf(1)}`,
  );
  expect(claimed((log, at) => log.splice(at, 1, { eventId: 'x', tenant: 'other' }))).toBe(
    'holds a record of another tenant',
  );
  expect(claimed((log, at) => log.splice(at, 1, null))).toBe('holds no record');
  expect(claimed((log, at) => log.splice(at))).toMatch(/^beyond the end \(\d+\)$/);
});

test('a command at another position than claimed is moved, not lost', () => {
  const world = honest(4);
  world.commands[0]?.push({ eventId: idOf(0), tenant: TENANT });
  world.commands[0]?.splice(0, 1, null);
  const judgement = judge(inputOf(world));
  expect(judgement.lost).toEqual([]);
  expect(judgement.moved).toMatchObject([
    { eventId: idOf(0), claimed: { partition: 0, offset: 0n }, whatStandsThere: 'holds no record' },
  ]);
});

test.each(['commands', 'events', 'api', WRITER, 'az-c'])(
  'without the final read of %s the verdict is inconclusive and says so',
  (source) => {
    const world = honest(6);
    world.missing.add(source);
    const judgement = judge(inputOf(world));
    expect(judgement.verdict).toBe('inconclusive');
    expect(judgement.reasons.join()).toMatch(/was not read/);
    expect(judgement.lost).toEqual([]);
  },
);

test('a loss stays a loss although another source is missing: fail goes before inconclusive', () => {
  const world = honest(6);
  world.missing.add('api');
  eraseCommands(world, idOf(2));
  expect(judge(inputOf(world))).toMatchObject({ verdict: 'fail', ends: { lost: 1 } });
});

test('a server that has not caught up is inconclusive, not a loss', () => {
  const world = honest(6);
  eraseRows(world, ['az-b'], idOf(5));
  world.servers.get('az-b')?.through.set(1, 0);
  const judgement = judge(inputOf(world));
  expect(judgement.verdict).toBe('inconclusive');
  expect(judgement.reasons.join()).toMatch(/az-b is behind on partition 1/);
});

test('nothing acknowledged is inconclusive', () => {
  expect(judge(inputOf(honest(0)))).toMatchObject({
    verdict: 'inconclusive',
    reasons: ['nothing was acknowledged'],
  });
});

test('without the end of the history an unexpected effect proves nothing', () => {
  const world = honest(4);
  world.commands[0]?.push({ eventId: 'a'.repeat(32), tenant: TENANT });
  expect(judge(inputOf(world)).verdict).toBe('fail');
  world.historyComplete = false;
  expect(judge(inputOf(world))).toMatchObject({
    verdict: 'inconclusive',
    phantoms: [{ why: 'never invoked' }],
  });
});

test('the self-test finds a planted loss at every hop and names nothing else', () => {
  const proof = proveChecker(inputOf(honest(12)));
  expect(proof.proved).toBe(true);
  expect(proof.probes.map(({ hop }) => hop)).toEqual([
    'gateway → commands log',
    'commands log → events log',
    'events log → writer',
    'writer → replica az-b',
    'writer → replica az-c',
    'writer → API',
  ]);
  expect(new Set(proof.probes.map(({ eventId }) => eventId)).size).toBe(6);
});

test('the self-test does not prove a checker that is blind, names the wrong hop, or names too many', () => {
  const input = inputOf(honest(12));
  const lostBy = (all: readonly Lost[]): { lost: readonly Lost[] } => ({ lost: all });
  expect(proveChecker(input, () => lostBy([])).proved).toBe(false);
  const wrongHop = proveChecker(input, (of) =>
    lostBy(judge(of).lost.map((lost) => ({ ...lost, hop: 'writer → API' }))),
  );
  expect(wrongHop.probes.map(({ named }) => named)).toEqual([false, false, false, false, false, true]);
  const doubled = (lost: Lost): Lost[] => [lost, { ...lost, eventId: `${lost.eventId}0` }];
  expect(proveChecker(input, (of) => lostBy(judge(of).lost.flatMap(doubled))).proved).toBe(false);
});

test.each([
  [
    'the API',
    'API',
    (world: World) =>
      world.api.splice(0, 1, [idOf(0), { kind: 'operation', decision: 'rejected', reservationId: null }]),
  ],
  [
    'a replica',
    'az-b',
    (world: World) =>
      world.servers
        .get('az-b')
        ?.operations.splice(0, 1, { eventId: idOf(0), decision: 'expired', reservationId: null }),
  ],
  [
    'a reservation id',
    'API',
    (world: World) =>
      world.api.splice(0, 1, [idOf(0), { kind: 'operation', decision: 'accepted', reservationId: 'other' }]),
  ],
] as const)('%s that tells another story than the events log is a contradiction', (_name, where, damage) => {
  const world = honest(4);
  damage(world);
  expect(judge(inputOf(world))).toMatchObject({
    verdict: 'fail',
    disagreements: [{ eventId: idOf(0), where }],
    lost: [],
  });
});

test('a repetition that names another first decision than the log holds is a contradiction', () => {
  const world = honest(4);
  const [first] = world.events[0] ?? [];
  if (first !== undefined)
    world.events[0]?.push({
      ...first,
      decision: 'repeated',
      first: { commandOffset: '9', decision: 'rejected' },
    });
  expect(judge(inputOf(world))).toMatchObject({
    verdict: 'fail',
    disagreements: [{ eventId: idOf(0), where: 'events log' }],
  });
});

test('the self-test proves nothing when a source is missing or nothing was acknowledged', () => {
  const world = honest(12);
  world.missing.add('api');
  expect(proveChecker(inputOf(world)).proved).toBe(false);
  expect(proveChecker(inputOf(honest(0))).proved).toBe(false);
});

test('the self-test works beside real losses', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(30), { maxLength: 5 }), (gone) => {
      const world = honest(31);
      for (const at of gone) eraseCommands(world, idOf(at));
      const proof = proveChecker(inputOf(world));
      expect(proof.proved).toBe(true);
      for (const { eventId } of proof.probes) expect(gone.map(idOf)).not.toContain(eventId);
    }),
    { numRuns: 30 },
  );
});

test('reads: later is measured, going back and never seeing are named', () => {
  const world = honest(4);
  const ack = (index: number): number => world.ops[index]?.doneUs ?? 0;
  const look = (index: number, afterUs: number, seen: string) =>
    world.reads.push({
      t: 'read',
      event: idOf(index),
      what: 'operation',
      gateway: 'g1',
      sentUs: ack(index) + afterUs,
      atUs: ack(index) + afterUs + 1,
      seen,
    });
  look(0, 0, 'notFound');
  look(0, 1_999, 'accepted');
  look(1, 0, 'accepted');
  look(1, 10, 'notFound');
  look(2, 0, 'notFound');
  look(3, 0, 'noAnswer');
  const judgement = judge(inputOf(world));
  expect(judgement.stale.map(({ eventId, kind }) => [eventId, kind])).toEqual([
    [idOf(1), 'went back'],
    [idOf(2), 'never seen'],
  ]);
  expect(judgement.visibility).toMatchObject({ operations: 3, seen: 2, maxMs: 2 });
  expect(judgement.verdict).toBe('pass');
  look(0, 20_000, 'rejected');
  expect(judge(inputOf(world))).toMatchObject({
    verdict: 'fail',
    duplicates: [{ eventId: idOf(0), where: 'reads' }],
  });
});

test('an acknowledged operation whose event was put aside ends as dead-lettered, not as lost', () => {
  const world = honest(12);
  park(world, [WRITER, ...REPLICAS], idOf(3));
  DAMAGE.api404(world, 3);
  expect(judge(inputOf(world))).toMatchObject({
    verdict: 'pass',
    lost: [],
    ends: { accepted: 11, deadLettered: 1, lost: 0 },
  });
  expect(proveChecker(inputOf(world)).proved).toBe(true);
});

test('a replica that still has put aside what the writer has applied is behind; one without the row has lost it', () => {
  const world = honest(12);
  park(world, ['az-b'], idOf(3));
  const judgement = judge(inputOf(world));
  expect(judgement).toMatchObject({ verdict: 'inconclusive', lost: [], ends: { accepted: 12 } });
  expect(judgement.reasons).toEqual(['Postgres az-b has dead letters that the writer has applied']);
  world.servers.get('az-b')?.parked.clear();
  expect(judge(inputOf(world)).lost).toMatchObject([{ eventId: idOf(3), hop: 'writer → replica az-b' }]);
});

test('a replayed record is counted apart: no duplicate, no repetition, no phantom, nothing out of order', () => {
  const world = honest(12);
  const log = world.events[1] ?? [];
  const [first, second] = log;
  if (first === undefined || second === undefined) throw new Error('the world is too small');
  replay(world, 1, first);
  replay(world, 1, { ...second, commandOffset: '999', eventId: 'nobody', decision: 'rejected' });
  expect(judge(inputOf(world))).toMatchObject({
    verdict: 'pass',
    replayed: 2,
    duplicates: [],
    repeated: [],
    phantoms: [],
    outOfOrder: [],
    ends: { accepted: 12 },
  });
});

test('a slot that was cancelled or moved away from is free: honest traffic of every verb passes', () => {
  const judgement = judge(inputOf(mixed()));
  expect(judgement).toMatchObject({
    verdict: 'pass',
    ends: { accepted: 8, rejected: 1 },
    oversold: [],
    outOfOrder: [],
    projected: [],
  });
});

test.each([
  ['gateway → commands log', (world: World) => eraseCommands(world, idOf(5))],
  ['commands log → events log', (world: World) => eraseDecisions(world, idOf(5))],
  ['events log → writer', (world: World) => eraseRows(world, [WRITER, ...REPLICAS], idOf(5))],
  ['events log → writer', (world: World) => setRow(world, WRITER, 1, { status: 'active', version: 1 })],
  ['writer → replica az-c', (world: World) => setRow(world, 'az-c', 1, { status: 'active', version: 1 })],
  ['writer → API', (world: World) => DAMAGE.api404(world, 5)],
] as const)('a cancel that is lost at %s is named with its hop and its reservation', (hop, damage) => {
  const world = mixed();
  damage(world);
  expect(judge(inputOf(world))).toMatchObject({
    verdict: 'fail',
    lost: [{ eventId: idOf(5), hop, verb: 'cancel', reservation: reservationIdOf(1) }],
    ends: { lost: 1 },
  });
});

test('an accepted create on a slot that nobody gave up oversells it', () => {
  const world = mixed();
  for (const log of world.events) {
    const cancel = log.findIndex(({ eventId }) => eventId === idOf(5));
    const moved = log.findIndex(({ eventId }) => eventId === idOf(6));
    if (cancel < 0) continue;
    // The change comes before the cancel that made room for it.
    log.splice(moved, 0, ...log.splice(cancel, 1));
  }
  const { oversold, verdict } = judge(inputOf(world));
  expect(verdict).toBe('fail');
  expect(oversold).toMatchObject([{ source: 'events log', resource: 'r0', held: 12, capacity: 6 }]);
  expect(oversold[0]?.eventIds.toSorted()).toEqual([idOf(1), idOf(6)]);
});

test('a hold counts until its end is in the log, and its room is taken again after that', () => {
  const ends = course(
    { verb: 'hold', quantity: 6 },
    ...Array.from({ length: 5 }, (_, at) => ({ slot: 5 + at })),
    { attempts: ['fail'] },
    { attempts: ['fail'] },
    { quantity: 6 },
  );
  const log = ends.events[0] ?? [];
  const expiry = log.find(({ expired }) => expired.length > 0);
  expect(expiry?.expired).toMatchObject([{ id: reservationIdOf(0), status: 'expired', version: 2 }]);
  expect(judge(inputOf(ends))).toMatchObject({ verdict: 'pass', ends: { accepted: 7, rejected: 0 } });
  log.splice(
    log.findIndex((decision) => decision === expiry),
    1,
  );
  expect(judge(inputOf(ends))).toMatchObject({
    verdict: 'fail',
    oversold: [{ source: 'events log', held: 12 }],
    projected: [WRITER, ...REPLICAS].map((server) => ({ server, reservationId: reservationIdOf(0) })),
  });
});

test('what a server has put aside is neither oversold nor wrong there: its rows are older on purpose', () => {
  const world = course({ quantity: 6 }, { verb: 'cancel', of: 0 }, { quantity: 6 });
  const names = [WRITER, ...REPLICAS];
  park(world, names, idOf(1));
  for (const name of names) setRow(world, name, 0, { status: 'active', version: 1 });
  DAMAGE.api404(world, 1);
  expect(judge(inputOf(world))).toMatchObject({
    verdict: 'pass',
    oversold: [],
    projected: [],
    ends: { accepted: 2, deadLettered: 1 },
  });
  for (const name of names) world.servers.get(name)?.parked.clear();
  const { oversold, lost } = judge(inputOf(world));
  expect(oversold.map(({ source }) => source)).toEqual(names);
  expect(lost).toMatchObject([{ eventId: idOf(1), hop: 'events log → writer' }]);
});

test('versions of a reservation go 1, 2, 3 …: one that is left out or comes twice is out of order', () => {
  const confirmThenCancel = (): World =>
    course({ verb: 'hold' }, { verb: 'confirm', of: 0 }, { verb: 'cancel', of: 0 });
  expect(judge(inputOf(confirmThenCancel())).verdict).toBe('pass');
  const gap = confirmThenCancel();
  eraseDecisions(gap, idOf(1));
  expect(judge(inputOf(gap)).outOfOrder).toMatchObject([
    { kind: 'versions', earlier: idOf(0), later: idOf(2) },
  ]);
  const twice = confirmThenCancel();
  const log = twice.events[0] ?? [];
  const cancel = log.find(({ eventId }) => eventId === idOf(2));
  if (cancel !== undefined) log.push({ ...cancel, commandOffset: '99', eventId: 'other' });
  expect(judge(inputOf(twice)).outOfOrder).toMatchObject([{ kind: 'versions', later: 'other' }]);
});

test.each([
  ['another status', { status: 'active' }],
  ['another quantity', { quantity: 2 }],
  ['another slot', { slotStartMs: 1 }],
  ['a version that the log does not have', { version: 3 }],
] as const)('a row with %s than the log is named', (_what, change) => {
  const world = mixed();
  setRow(world, 'az-b', 1, change);
  expect(judge(inputOf(world))).toMatchObject({
    verdict: 'fail',
    lost: [],
    projected: [{ server: 'az-b', reservationId: reservationIdOf(1) }],
  });
});

test('a server that has applied more than was read of the log may have newer rows', () => {
  const world = mixed();
  setRow(world, 'az-b', 1, { version: 3 });
  world.servers.get('az-b')?.through.set(0, 99);
  expect(judge(inputOf(world))).toMatchObject({ verdict: 'pass', projected: [] });
});

test('an operation that was accepted with an effect nobody asked for is a contradiction', () => {
  const world = mixed();
  for (const log of world.events) {
    const at = log.findIndex(({ eventId }) => eventId === idOf(5));
    const cancel = log[at];
    if (cancel?.reservation == null) continue;
    log[at] = { ...cancel, reservation: { ...cancel.reservation, status: 'active' } };
  }
  expect(judge(inputOf(world)).disagreements).toMatchObject([{ eventId: idOf(5), where: 'events log' }]);
});

test('the self-test plants a loss of a create and of a follow-up at every hop', () => {
  const proof = proveChecker(inputOf(mixed()));
  expect(proof.probes.filter(({ named }) => !named)).toEqual([]);
  expect(proof.probes.map(({ planted }) => planted)).toEqual([
    ...Array.from({ length: 6 }, () => 'create'),
    ...Array.from({ length: 6 }, () => 'followUp'),
  ]);
});

test('the self-test does not prove a checker that is blind to follow-ups', () => {
  const blind = proveChecker(inputOf(mixed()), (of) => ({
    lost: judge(of).lost.filter(({ reservation }) => reservation === null),
  }));
  expect(blind.proved).toBe(false);
  expect(new Set(blind.probes.filter(({ named }) => !named).map(({ planted }) => planted))).toEqual(
    new Set(['followUp']),
  );
});

function setRow(world: World, name: string, index: number, change: Partial<ReservationRow>): void {
  const rows = world.servers.get(name)?.reservations ?? [];
  const at = rows.findIndex(({ reservationId }) => reservationId === reservationIdOf(index));
  const row = rows[at];
  if (row !== undefined) rows[at] = { ...row, ...change };
}
