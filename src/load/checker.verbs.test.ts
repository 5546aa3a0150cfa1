import { expect, test } from 'vitest';
import { judge } from './checker.ts';
import { proveChecker } from './checker-proof.ts';
import type { ReservationRow } from './final-reads.ts';
import { DAMAGE, eraseCommands, eraseDecisions, eraseRows, park } from './testing/damage.ts';
import {
  honestWorld,
  idOf,
  type OpSpec,
  PLAIN,
  REPLICAS,
  reservationIdOf,
  type World,
  WRITER,
} from './testing/world.ts';
import { inputOf } from './testing/world-input.ts';

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
  log.splice(expiry === undefined ? 0 : log.indexOf(expiry), 1);
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

test('the self-test takes away the last change in the log, also where an earlier one was acknowledged after it', () => {
  const input = inputOf(
    course({ slot: 1 }, { verb: 'hold' }, { verb: 'confirm', of: 1 }, { verb: 'cancel', of: 1 }),
  );
  const late = input.ops.filter(({ eventId }) => eventId === idOf(2));
  const ops = [...input.ops.filter(({ eventId }) => eventId !== idOf(2)), ...late];
  const { proved, probes } = proveChecker({ ...input, ops });
  expect(probes.filter(({ named }) => !named)).toEqual([]);
  expect(proved).toBe(true);
  const followUps = probes.filter(({ planted }) => planted === 'followUp');
  expect(new Set(followUps.map(({ eventId }) => eventId))).toEqual(new Set([idOf(3)]));
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
