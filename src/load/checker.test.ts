import fc from 'fast-check';
import { expect, test } from 'vitest';
import { judge } from './checker.ts';
import { proveChecker } from './checker-proof.ts';
import { eventsOf } from './checker-events.ts';
import { traceEvent } from './checker-hops.ts';
import { naiveJudge } from './testing/naive-checker.ts';
import { honestWorld, idOf, inputOf, type OpSpec, REPLICAS, rowOf, TENANT, type World, WRITER } from './testing/world.ts';
import type { Judgement } from './verdicts.ts';

const attempts = fc.oneof(
  { weight: 4, arbitrary: fc.constant(['ok'] as const) },
  { weight: 2, arbitrary: fc.constantFrom(['info', 'ok'] as const, ['fail', 'ok'] as const, ['fail', 'info', 'ok'] as const) },
  { weight: 2, arbitrary: fc.constantFrom(['info'] as const, ['open'] as const, ['info', 'fail'] as const, ['fail'] as const, ['fail', 'fail'] as const) },
);
const spec: fc.Arbitrary<OpSpec> = fc.record({
  resource: fc.nat(3),
  attempts,
  infoLands: fc.boolean(),
  copies: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.nat(2)),
  slot: fc.nat(3),
  quantity: fc.integer({ min: 1, max: 4 }),
  slowness: fc.nat(60),
  unparseable: fc.oneof({ weight: 12, arbitrary: fc.constant(false) }, fc.constant(true)),
});
const specs = fc.array(spec, { minLength: 0, maxLength: 14 });

/** Damage of every kind, aimed by two numbers; what it hits depends on the world. */
const DAMAGE: Readonly<Record<string, (world: World, a: number, b: number) => void>> = {
  dropCommand: (world, a) => eraseCommands(world, idOf(a)),
  dropDecision: (world, a) => eraseDecisions(world, idOf(a)),
  dropRowsOnWriter: (world, a) => eraseRows(world, [WRITER, ...REPLICAS], idOf(a)),
  dropRowsOnReplica: (world, a, b) => eraseRows(world, [REPLICAS[b % 2] ?? WRITER], idOf(a)),
  dropReservationOnly: (world, a, b) => {
    const server = world.servers.get([WRITER, ...REPLICAS][b % 3] ?? WRITER);
    if (server !== undefined) server.reservations = server.reservations.filter((row) => row.eventId !== idOf(a));
  },
  api404: (world, a) => {
    for (const entry of world.api) if (entry[0] === idOf(a)) entry[1] = { kind: 'notFound' };
  },
  overwriteCommand: (world, a, b) => {
    const log = world.commands[b % 2];
    if (log !== undefined && log.length > 0) log[a % log.length] = { eventId: idOf(b % 20), tenant: TENANT };
  },
  holeInLog: (world, a, b) => {
    const log = world.commands[b % 2];
    if (log !== undefined && log.length > 0) log[a % log.length] = null;
  },
  appendCommand: (world, a, b) => void world.commands[b % 2]?.push({ eventId: idOf(a), tenant: TENANT }),
  swapCommands: (world, a, b) => {
    const log = world.commands[b % 2] ?? [];
    const at = a % Math.max(1, log.length - 1);
    const [one, two] = [log[at], log[at + 1]];
    if (one !== undefined && two !== undefined) log.splice(at, 2, two, one);
  },
  secondAccept: (world, a, b) => {
    const log = world.events[b % 2] ?? [];
    const decision = log[a % Math.max(1, log.length)];
    if (decision?.reservation != null) log.push({ ...decision, decision: 'accepted', first: null, reservation: { ...decision.reservation, id: `second-${b}` } });
  },
  sameDecisionAgain: (world, a, b) => {
    const log = world.events[b % 2] ?? [];
    const decision = log[a % Math.max(1, log.length)];
    if (decision !== undefined) log.push(decision);
  },
  otherOutcome: (world, a, b) => {
    const log = world.events[b % 2] ?? [];
    const decision = log[a % Math.max(1, log.length)];
    if (decision !== undefined && decision.eventId !== null) log.push({ ...decision, decision: 'rejected', reservation: null, first: null, reason: 'full' });
  },
  swapDecisions: (world, a, b) => {
    const log = world.events[b % 2] ?? [];
    const at = a % Math.max(1, log.length - 1);
    const [one, two] = [log[at], log[at + 1]];
    if (one !== undefined && two !== undefined) log.splice(at, 2, two, one);
  },
  doubleRow: (world, a, b) => {
    const server = world.servers.get([WRITER, ...REPLICAS][b % 3] ?? WRITER);
    const row = server?.reservations[a % Math.max(1, server.reservations.length)];
    if (row !== undefined) server?.reservations.push(row);
  },
  doubleOperation: (world, a, b) => {
    const server = world.servers.get([WRITER, ...REPLICAS][b % 3] ?? WRITER);
    const row = server?.operations[a % Math.max(1, server.operations.length)];
    if (row !== undefined) server?.operations.push(row);
  },
  phantomRow: (world, a, b) => {
    const reservation = { id: `p-${a}`, tenant: TENANT, resource: `r${b % 4}`, slot: { start: '1970-01-01T00:00:00.000Z', end: '1970-01-01T04:00:00.000Z' }, quantity: b % 9 };
    world.servers.get(WRITER)?.reservations.push(rowOf(idOf(a), reservation));
  },
  behind: (world, a, b) => void world.servers.get([WRITER, ...REPLICAS][b % 3] ?? WRITER)?.through.set(a % 2, b),
  cutEvents: (world, a, b) => {
    const log = world.events[b % 2];
    if (log !== undefined) log.length = Math.max(0, log.length - (a % 4));
  },
  retention: (world, a, b) => {
    world.commandsStart[b % 2] = a % 6;
  },
  missing: (world, a) => void world.missing.add(['commands', 'events', 'api', WRITER, ...REPLICAS][a % 6] ?? 'api'),
};

function eraseCommands(world: World, id: string): void {
  for (const log of world.commands) for (const [at, record] of log.entries()) if (record?.eventId === id) log[at] = null;
}
function eraseDecisions(world: World, id: string): void {
  for (const [partition, log] of world.events.entries()) world.events[partition]?.splice(0, log.length, ...log.filter((d) => d.eventId !== id));
}
function eraseRows(world: World, names: readonly string[], id: string): void {
  for (const name of names) {
    const server = world.servers.get(name);
    if (server === undefined) continue;
    server.reservations = server.reservations.filter((row) => row.eventId !== id);
    server.operations = server.operations.filter((row) => row.eventId !== id);
  }
}

const damages = fc.array(fc.tuple(fc.constantFrom(...Object.keys(DAMAGE)), fc.nat(20), fc.nat(40)), { maxLength: 4 });

function damaged(list: readonly OpSpec[], hits: readonly (readonly [string, number, number])[]): World {
  const world = honestWorld(list, 6);
  for (const [kind, a, b] of hits) DAMAGE[kind]?.(world, a, b);
  return world;
}

/** The judgement in the words of the naive checker. */
function linesOf(judgement: Judgement, world: World): Record<string, string[]> {
  const lines = (values: readonly string[]): string[] => [...new Set(values)].toSorted();
  const events = [...eventsOf(world.ops).values()];
  const { finalReads } = inputOf(world);
  const inLog = (id: string): boolean => finalReads.commands?.positions.has(id) === true || finalReads.events?.decisions.has(id) === true;
  const ofState = (state: string): string[] => lines(events.filter((event) => event.state === state).map((event) => event.eventId));
  return {
    lost: lines(judgement.lost.map(({ eventId, hop }) => `${eventId} ${hop}`)),
    ends: lines(events.filter((event) => event.state === 'acknowledged').map((event) => `${event.eventId} ${traceEvent(event, finalReads).end}`)),
    unknown: ofState('unknown'),
    unknownFound: ofState('unknown').filter(inLog),
    refused: ofState('refused'),
    moved: lines(judgement.moved.map(({ eventId }) => eventId)),
    duplicates: lines(judgement.duplicates.map(({ eventId, where }) => `${eventId} ${where}`)),
    repeated: lines(judgement.repeated.map(({ eventId, topic, times }) => `${eventId} ${topic} ${times}`)),
    phantoms: lines(judgement.phantoms.map(({ eventId, why }) => `${eventId} ${why}`)),
    oversold: lines(judgement.oversold.map(({ source, resource }) => `${source} ${resource}`)),
    outOfOrder: lines(judgement.outOfOrder.map(({ kind, earlier }) => `${kind} ${earlier}`)),
  };
}

test('an honest platform passes, whatever was retried, repeated, refused or left unknown', () => {
  fc.assert(
    fc.property(specs, (list) => {
      const judgement = judge(inputOf(honestWorld(list, 6)));
      const acknowledged = list.filter((one) => one.attempts.at(-1) === 'ok').length;
      expect(judgement.acknowledged).toBe(acknowledged);
      expect(judgement.verdict).toBe(acknowledged === 0 ? 'inconclusive' : 'pass');
      const { accepted, rejected, deadLettered, lost, unknown } = judgement.ends;
      expect(accepted + rejected + deadLettered).toBe(acknowledged);
      expect([lost, unknown]).toEqual([0, 0]);
    }),
    { numRuns: 300 },
  );
});

test('the checker agrees with a naive one written separately, over damaged platforms of every kind', () => {
  fc.assert(
    fc.property(specs, damages, (list, hits) => {
      const world = damaged(list, hits);
      const judgement = judge(inputOf(world));
      const naive = naiveJudge(world);
      expect(linesOf(judgement, world)).toEqual(naive);
      const ends = naive['ends'] ?? [];
      for (const end of ['accepted', 'rejected', 'deadLettered', 'lost', 'unknown'] as const) {
        expect(judgement.ends[end]).toBe(ends.filter((line) => line.endsWith(` ${end}`)).length);
      }
      const wrong = ['lost', 'duplicates', 'phantoms', 'oversold', 'outOfOrder'].some((kind) => (naive[kind] ?? []).length > 0);
      if (wrong) expect(judgement.verdict).toBe('fail');
      if (world.missing.size > 0) expect(judgement.verdict).not.toBe('pass');
    }),
    { numRuns: 3_000 },
  );
});

const honest = (count: number): World =>
  honestWorld(
    Array.from({ length: count }, (_, index) => ({ resource: index % 4, attempts: ['ok'], infoLands: true, copies: 0, slot: index, quantity: 1, slowness: 0, unparseable: false })),
    6,
  );

test.each([
  ['gateway → commands log', (world: World) => eraseCommands(world, idOf(3))],
  ['commands log → events log', (world: World) => eraseDecisions(world, idOf(3))],
  ['events log → writer', (world: World) => eraseRows(world, [WRITER, ...REPLICAS], idOf(3))],
  ['writer → replica az-b', (world: World) => eraseRows(world, ['az-b'], idOf(3))],
  ['writer → API', (world: World) => DAMAGE['api404']?.(world, 3, 0)],
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
    damage(log, log.findIndex((record) => record?.eventId === idOf(11)));
    return judge(inputOf(world)).lost.find(({ eventId }) => eventId === idOf(11))?.whatStandsThere ?? 'not lost';
  };
  expect(claimed((log, at) => log.splice(at, 1, { eventId: idOf(1), tenant: TENANT }))).toBe(`holds ${idOf(1)}`);
  expect(claimed((log, at) => log.splice(at, 1, { eventId: 'x', tenant: 'other' }))).toBe('holds a record of another tenant');
  expect(claimed((log, at) => log.splice(at, 1, null))).toBe('holds no record');
  expect(claimed((log, at) => log.splice(at))).toMatch(/^beyond the end \(\d+\)$/);
});

test('a command at another position than claimed is moved, not lost', () => {
  const world = honest(4);
  world.commands[0]?.push({ eventId: idOf(0), tenant: TENANT });
  world.commands[0]?.splice(0, 1, null);
  const judgement = judge(inputOf(world));
  expect(judgement.lost).toEqual([]);
  expect(judgement.moved).toMatchObject([{ eventId: idOf(0), claimed: { partition: 0, offset: 0n }, whatStandsThere: 'holds no record' }]);
});

test.each(['commands', 'events', 'api', WRITER, 'az-c'])('without the final read of %s the verdict is inconclusive and says so', (source) => {
  const world = honest(6);
  world.missing.add(source);
  const judgement = judge(inputOf(world));
  expect(judgement.verdict).toBe('inconclusive');
  expect(judgement.reasons.join()).toMatch(/was not read/);
  expect(judgement.lost).toEqual([]);
});

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
  expect(judge(inputOf(honest(0)))).toMatchObject({ verdict: 'inconclusive', reasons: ['nothing was acknowledged'] });
});

test('without the end of the history an unexpected effect proves nothing', () => {
  const world = honest(4);
  world.commands[0]?.push({ eventId: 'a'.repeat(32), tenant: TENANT });
  expect(judge(inputOf(world)).verdict).toBe('fail');
  world.historyComplete = false;
  expect(judge(inputOf(world))).toMatchObject({ verdict: 'inconclusive', phantoms: [{ why: 'never invoked' }] });
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
    world.reads.push({ t: 'read', event: idOf(index), what: 'operation', gateway: 'g1', sentUs: ack(index) + afterUs, atUs: ack(index) + afterUs + 1, seen });
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
  expect(judge(inputOf(world))).toMatchObject({ verdict: 'fail', duplicates: [{ eventId: idOf(0), where: 'reads' }] });
});
