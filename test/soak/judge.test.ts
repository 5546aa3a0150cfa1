import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeLife, judgeLives, LIMITS } from './judge.ts';
import { type Life, livesOf, type Sample } from './lives.ts';

const MINUTE_MS = 60_000;
const MB = 1_000_000;

interface Shape {
  readonly unit?: string;
  readonly kind?: string;
  readonly pid?: number;
  readonly startTime?: string;
  readonly fromMin?: number;
  readonly minutes: number;
  readonly resident?: (atMin: number) => number;
  readonly handles?: (atMin: number) => number;
}

/** Looks every 5 s at a process that lives so many minutes; by default it stays as it is. */
function samplesOf(shape: Shape): Sample[] {
  const { unit = 'gateway-1', kind = 'gateway', pid = 7, startTime = '1', fromMin = 0 } = shape;
  return Array.from({ length: Math.floor(shape.minutes * 12) + 1 }, (_, index) => {
    const atMin = index / 12;
    return {
      atMs: (fromMin + atMin) * MINUTE_MS,
      unit,
      kind,
      pid,
      startTime,
      name: unit,
      residentBytes: shape.resident?.(atMin) ?? 100 * MB,
      handles: shape.handles?.(atMin) ?? 30,
      connections: 0,
      cached: 0,
    };
  });
}

function lifeOf(shape: Shape): Life {
  const [life] = livesOf(samplesOf(shape));
  if (life === undefined) throw new Error('no life');
  return life;
}

const missesOf = (shape: Shape): readonly string[] | undefined => judgeLife(lifeOf(shape), LIMITS)?.misses;

describe('lives', () => {
  it('are told apart by pid and start time, each with its own looks', () => {
    const shapes = [
      { minutes: 2, pid: 7, startTime: '1' },
      { minutes: 3, pid: 7, startTime: '2', fromMin: 4 },
      { minutes: 1, pid: 8, startTime: '2', fromMin: 8 },
    ];
    fc.assert(
      fc.property(fc.shuffledSubarray(shapes, { minLength: 1 }), (some) => {
        const lives = livesOf(some.flatMap(samplesOf));
        expect(lives.map(({ toMs, fromMs }) => (toMs - fromMs) / MINUTE_MS)).toEqual(
          some.map(({ minutes }) => minutes),
        );
        expect(lives.map(({ samples }) => samples.length)).toEqual(some.map((each) => each.minutes * 12 + 1));
      }),
    );
  });
});

describe('a life', () => {
  it('that stays as it is holds', () => {
    expect(missesOf({ minutes: 30 })).toEqual([]);
  });

  it('that grows by a megabyte a minute does not; what it does in its first five minutes does not count', () => {
    expect(missesOf({ minutes: 30, resident: (at) => 100 * MB + 0.9 * MB * at })).toEqual([]);
    expect(missesOf({ minutes: 30, resident: (at) => 100 * MB + MB * at })).toEqual([
      'gateway-1 grows by 1.00 MB a minute, less than 1 is allowed',
    ]);
    expect(missesOf({ minutes: 30, resident: (at) => Math.min(at, 5) * 40 * MB })).toEqual([]);
  });

  it('may shrink, and may have saw teeth', () => {
    expect(missesOf({ minutes: 30, resident: (at) => 300 * MB - 5 * MB * at })).toEqual([]);
    expect(missesOf({ minutes: 30, resident: (at) => 100 * MB + 40 * MB * (at % 2) })).toEqual([]);
  });

  it('that ends with six handles more or less than at minute five does not hold, with five it does', () => {
    const step = (by: number): Shape => ({ minutes: 30, handles: (at) => (at > 20 ? 40 + by : 40) });
    expect(missesOf(step(5))).toEqual([]);
    expect(missesOf(step(-5))).toEqual([]);
    expect(missesOf(step(6))).toEqual(['gateway-1 holds 6 handles more, 5 are allowed']);
    expect(missesOf(step(-6))).toEqual(['gateway-1 holds 6 handles less, 5 are allowed']);
  });

  it('is judged by its quiet level: a wave of connections in the last minute is no leak, a raised floor is', () => {
    const wave = (at: number): number => (at > 29 ? 400 : 40);
    expect(missesOf({ minutes: 30, handles: wave })).toEqual([]);
    const dip = (at: number): number => (at > 29.8 ? 20 : 40);
    expect(missesOf({ minutes: 30, handles: dip })).toEqual([]);
    const leak = (at: number): number => wave(at) + Math.floor(at);
    expect(missesOf({ minutes: 30, handles: leak })).toHaveLength(1);
  });

  it('of less than fifteen minutes says nothing', () => {
    expect(judgeLife(lifeOf({ minutes: 14.9 }), LIMITS)).toBeUndefined();
    expect(judgeLife(lifeOf({ minutes: 15 }), LIMITS)?.judgedMs).toBe(10 * MINUTE_MS);
  });

  it('that was hardly looked at says nothing', () => {
    const life = lifeOf({ minutes: 30 });
    const seldom = { ...life, samples: life.samples.filter((_, index) => index % 3 === 0) };
    expect(judgeLife(seldom, LIMITS)).toBeUndefined();
  });

  it('is judged by its own minutes, not by those of the run', () => {
    const grown: Shape = { minutes: 16, fromMin: 14, resident: (at) => Math.min(at, 5) * 40 * MB };
    expect(missesOf(grown)).toEqual([]);
  });
});

describe('all lives', () => {
  it('count what was too short, and a kind without a judged life is named', () => {
    const lives = [
      lifeOf({ minutes: 30 }),
      lifeOf({ minutes: 3, unit: 'gateway-2', pid: 8 }),
      lifeOf({ minutes: 4, unit: 'projector-1', kind: 'projector', pid: 9 }),
    ];
    const { judged, tooShort, unseenKinds } = judgeLives(lives, ['gateway', 'projector', 'load']);
    expect(judged.map(({ life }) => life.unit)).toEqual(['gateway-1']);
    expect([...tooShort]).toEqual([
      ['gateway', 1],
      ['projector', 1],
    ]);
    expect(unseenKinds).toEqual(['projector', 'load']);
  });
});
