import fc from 'fast-check';
import { expect, test } from 'vitest';
import { judge } from './checker.ts';
import { eventsOf } from './checker-events.ts';
import { traceEvent } from './checker-hops.ts';
import { VERBS } from './stories.ts';
import { DAMAGE } from './testing/damage.ts';
import { naiveJudge } from './testing/naive-checker.ts';
import { honestWorld, type OpSpec, type World } from './testing/world.ts';
import { inputOf } from './testing/world-input.ts';
import type { Judgement } from './verdicts.ts';

const attempts = fc.oneof(
  { weight: 4, arbitrary: fc.constant(['ok'] as const) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ['info', 'ok'] as const,
      ['fail', 'ok'] as const,
      ['fail', 'info', 'ok'] as const,
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ['info'] as const,
      ['open'] as const,
      ['info', 'fail'] as const,
      ['fail'] as const,
      ['fail', 'fail'] as const,
    ),
  },
);
const spec: fc.Arbitrary<OpSpec> = fc.record({
  verb: fc.constantFrom(...VERBS, 'create', 'hold'),
  of: fc.nat(9),
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

const damages = fc.array(
  fc.tuple(fc.constantFrom(...(Object.keys(DAMAGE) as (keyof typeof DAMAGE)[])), fc.nat(20), fc.nat(40)),
  {
    maxLength: 4,
  },
);

function damaged(
  list: readonly OpSpec[],
  hits: readonly (readonly [keyof typeof DAMAGE, number, number])[],
): World {
  const world = honestWorld(list, 6);
  for (const [kind, a, b] of hits) DAMAGE[kind](world, a, b);
  return world;
}

/** The judgement in the words of the naive checker. */
function linesOf(judgement: Judgement, world: World): Record<string, string[]> {
  const lines = (values: readonly string[]): string[] => [...new Set(values)].toSorted();
  const events = [...eventsOf(world.ops).values()];
  const { finalReads } = inputOf(world);
  const inLog = (id: string): boolean =>
    finalReads.commands?.positions.has(id) === true || finalReads.events?.decisions.has(id) === true;
  const ofState = (state: string): string[] =>
    lines(events.filter((event) => event.state === state).map((event) => event.eventId));
  return {
    lost: lines(judgement.lost.map(({ eventId, hop }) => `${eventId} ${hop}`)),
    ends: lines(
      events
        .filter((event) => event.state === 'acknowledged')
        .map((event) => `${event.eventId} ${traceEvent(event, finalReads).end}`),
    ),
    unknown: ofState('unknown'),
    unknownFound: ofState('unknown').filter(inLog),
    refused: ofState('refused'),
    moved: lines(judgement.moved.map(({ eventId }) => eventId)),
    duplicates: lines(judgement.duplicates.map(({ eventId, where }) => `${eventId} ${where}`)),
    repeated: lines(judgement.repeated.map(({ eventId, topic, times }) => `${eventId} ${topic} ${times}`)),
    replayed: [String(judgement.replayed)],
    phantoms: lines(judgement.phantoms.map(({ eventId, why }) => `${eventId} ${why}`)),
    oversold: lines(judgement.oversold.map(({ source, resource }) => `${source} ${resource}`)),
    projected: lines(judgement.projected.map(({ server, reservationId }) => `${server} ${reservationId}`)),
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
      const ends = naive.ends ?? [];
      for (const end of ['accepted', 'rejected', 'deadLettered', 'lost', 'unknown'] as const) {
        expect(judgement.ends[end]).toBe(ends.filter((line) => line.endsWith(` ${end}`)).length);
      }
      const wrong = ['lost', 'duplicates', 'phantoms', 'oversold', 'outOfOrder', 'projected'].some(
        (kind) => (naive[kind] ?? []).length > 0,
      );
      if (wrong) expect(judgement.verdict).toBe('fail');
      if (world.missing.size > 0) expect(judgement.verdict).not.toBe('pass');
    }),
    { numRuns: 600 },
  );
});
