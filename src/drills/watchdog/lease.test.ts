import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hear, type Line, type LineEvent, lineAt, MOST_PER_LOOK_MS } from './lease.ts';

const MS = 1_000_000n;
const LEASE = 5000;
const at = (ms: number): bigint => BigInt(ms) * MS;

function fold(events: readonly (readonly [kind: LineEvent['kind'], ms: number])[]): Line {
  return events.reduce((line, [kind, ms]) => hear(line, { kind, atNs: at(ms) }, LEASE), lineAt(0n));
}

describe('a line that is listened to', () => {
  it('is silent after a lease of looks without a beat, and alive again with the next one', () => {
    const looks = [1, 2, 3, 4].map((second) => ['look', second * 1000] as const);
    expect(fold(looks).state).toBe('alive');
    expect(fold([...looks, ['look', 5000]]).state).toBe('silent');
    expect(fold([...looks, ['look', 5000], ['beat', 5001]])).toEqual(lineAt(at(5001)));
    expect(fold([...looks, ['beat', 4500], ['look', 5000]]).state).toBe('alive');
  });

  it('is not called silent for the time in which the listener did not run itself', () => {
    expect(
      fold([
        ['beat', 100],
        ['look', 3_600_100],
      ]),
    ).toMatchObject({ state: 'alive', silentMs: MOST_PER_LOOK_MS });
  });

  it('that closes is gone, unless the end was told before', () => {
    expect(fold([['closed', 1]]).state).toBe('gone');
    expect(
      fold([
        ['closed', 1],
        ['finished', 2],
      ]).state,
    ).toBe('gone');
    expect(
      fold([
        ['finished', 1],
        ['closed', 2],
      ]).state,
    ).toBe('finished');
  });

  const events = fc.array(
    fc.tuple(
      fc.constantFrom('beat', 'look', 'look', 'look', 'look', 'finished', 'closed'),
      fc.integer({ min: 0, max: 4000 }),
    ),
    { maxLength: 40 },
  );

  it('is judged as a plain scan over everything that was heard judges it', () => {
    fc.assert(
      fc.property(events, (gaps) => {
        let nowMs = 0;
        const seen = gaps.map(([kind, gapMs]) => {
          nowMs += gapMs;
          return [kind as LineEvent['kind'], nowMs, gapMs] as const;
        });
        const line = fold(seen.map(([kind, ms]) => [kind, ms]));
        const last = seen.find(([kind]) => kind === 'finished' || kind === 'closed');
        if (last !== undefined) {
          expect(line.state).toBe(last[0] === 'closed' ? 'gone' : 'finished');
          return;
        }
        const sinceBeat = seen.slice(seen.findLastIndex(([kind]) => kind === 'beat') + 1);
        const silentMs = sinceBeat.reduce((sum, [, , gapMs]) => sum + Math.min(gapMs, MOST_PER_LOOK_MS), 0);
        expect(line.silentMs).toBe(silentMs);
        expect(line.state).toBe(silentMs >= LEASE ? 'silent' : 'alive');
      }),
      { numRuns: 500 },
    );
  });

  it('never counts more than went by, nor goes back with a clock that does', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1e6 }), { maxLength: 20 }), (moments) => {
        const line = fold(moments.map((ms) => ['look', ms]));
        expect(line.silentMs).toBeGreaterThanOrEqual(0);
        if (moments.every((ms, index) => ms >= (moments[index - 1] ?? 0)))
          expect(line.silentMs).toBeLessThanOrEqual(moments.at(-1) ?? 0);
      }),
    );
  });
});
