import fc from 'fast-check';
import { expect, test } from 'vitest';
import { judge } from './checker.ts';
import { proveChecker } from './checker-proof.ts';
import { DAMAGE, eraseCommands, eraseDecisions, eraseRows, park, replay } from './testing/damage.ts';
import { honestWorld, idOf, PLAIN, REPLICAS, TENANT, type World, WRITER } from './testing/world.ts';
import { inputOf } from './testing/world-input.ts';
import type { Lost } from './verdicts.ts';

const honest = (count: number): World =>
  honestWorld(
    Array.from({ length: count }, (_, index) => ({ ...PLAIN, resource: index % 4, slot: index })),
    6,
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
