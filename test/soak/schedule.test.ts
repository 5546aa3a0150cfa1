import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Candidate, type PlanRequest, planKills } from './schedule.ts';

const MINUTE_MS = 60_000;
const CANDIDATES: readonly Candidate[] = [
  ...['kafka-1', 'kafka-2', 'kafka-3'].map((id) => ({ id, kind: 'broker' as const })),
  ...['gateway-1', 'gateway-2'].map((id) => ({ id, kind: 'gateway' as const })),
  ...['commands-1', 'commands-2'].map((id) => ({ id, kind: 'commands' as const })),
  { id: 'projector-1', kind: 'projector' },
];

const request = (seed: number, change: Partial<PlanRequest> = {}): PlanRequest => ({
  seed,
  durationMs: 30 * MINUTE_MS,
  everyMs: MINUTE_MS,
  quietMs: MINUTE_MS,
  lifeMs: 16 * MINUTE_MS,
  candidates: CANDIDATES,
  ...change,
});
const seeds = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const holds = (check: (plan: ReturnType<typeof planKills>, seed: number) => void): void =>
  fc.assert(fc.property(seeds, (seed) => check(planKills(request(seed)), seed)));

describe('the plan of kills', () => {
  it('kills somebody every minute but in the quiet end, the same ones for the same seed', () => {
    holds((plan, seed) => {
      expect(plan.kills.map(({ atMs }) => atMs / MINUTE_MS)).toEqual(
        Array.from({ length: 29 }, (_, index) => index + 1),
      );
      expect(planKills(request(seed))).toEqual(plan);
    });
    expect(planKills(request(1)).kills).not.toEqual(planKills(request(2)).kills);
  });

  it('spares one of each kind that has several, and never kills it', () => {
    holds(({ kills, spared }) => {
      const kinds = spared.map((id) => CANDIDATES.find((one) => one.id === id)?.kind);
      expect(kinds).toEqual(['broker', 'gateway', 'commands']);
      expect(kills.filter(({ victim }) => spared.includes(victim))).toEqual([]);
    });
  });

  it('kills every kind, and the same kind never twice in a row', () => {
    holds(({ kills }) => {
      expect(new Set(kills.map(({ kind }) => kind)).size).toBe(4);
      kills.slice(1).forEach((kill, index) => {
        expect(kill.kind).not.toBe(kills[index]?.kind);
      });
    });
  });

  it('leaves the only projector alone for as long as a life must be', () => {
    holds(({ kills }) => {
      const deaths = kills.filter(({ kind }) => kind === 'projector').map(({ atMs }) => atMs);
      const ends = [0, ...deaths, 30 * MINUTE_MS];
      const longest = Math.max(...ends.slice(1).map((end, index) => end - (ends[index] ?? 0)));
      expect(longest).toBeGreaterThanOrEqual(16 * MINUTE_MS);
    });
  });

  it('keeps each victim away for two to six seconds', () => {
    holds(({ kills }) => {
      for (const { awayMs } of kills) {
        expect(awayMs).toBeGreaterThanOrEqual(2_000);
        expect(awayMs).toBeLessThan(6_000);
      }
    });
  });

  it('kills nobody where nobody may be killed', () => {
    const alone = [{ id: 'projector-1', kind: 'projector' as const }];
    const plan = planKills(request(1, { candidates: alone, durationMs: 10 * MINUTE_MS }));
    expect(plan).toEqual({ kills: [], spared: [] });
    expect(planKills(request(1, { candidates: [] })).kills).toEqual([]);
  });
});
