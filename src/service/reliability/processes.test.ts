import { describe, expect, test } from 'vitest';
import type { GatewayReport, ProjectorReport, SweeperReport } from '../reports/report.ts';
import type { ReportRow } from '../reports/store.ts';
import { gatewaysOf, projectorsOf, sweepersOf } from './processes.ts';

const NOW_MS = Date.UTC(2026, 5, 1);
const GATEWAY: GatewayReport = {
  claims: 'redis',
  running: 2,
  oldestRunningMs: 30,
  crossed: 1,
  crossedAgoMs: 5000,
  notKept: 0,
  notKeptAgoMs: null,
};
const SWEEPER: SweeperReport = { sweptAgoMs: 400, lastWork: null };

function row(report: object, over: Partial<ReportRow> = {}): ReportRow {
  return {
    role: 'sweptAgoMs' in report ? 'sweeper' : 'lagMs' in report ? 'projector' : 'gateway',
    instance: 'one',
    life: 'life',
    startedAtMs: NOW_MS - 60_000,
    heardAtMs: NOW_MS - 1000,
    notReady: null,
    report: JSON.stringify(report),
    ...over,
  };
}

const PROJECTOR: ProjectorReport = { partitions: 12, stopped: 0, lagRecords: 0, lagMs: 0 };

const silent = { heardAtMs: NOW_MS - 40_000 };

describe('what gateways say of themselves', () => {
  test('is summed up: attempts of those that live, rare events of all lives', () => {
    const dead = row(
      { ...GATEWAY, crossed: 4, crossedAgoMs: 0, running: 50, notKept: 1, notKeptAgoMs: 9 },
      silent,
    );
    expect(gatewaysOf([row(GATEWAY), row({ ...GATEWAY, claims: 'postgres' }), dead], NOW_MS)).toEqual({
      claimsIn: { redis: 1, postgres: 1, nowhere: 0, notAsked: 0 },
      heard: 2,
      running: 4,
      oldestRunningMs: 1030,
      crossed: 6,
      lastCrossedAtMs: NOW_MS - 6000,
      notKept: 1,
      lastNotKeptAtMs: NOW_MS - 40_009,
    });
  });

  test('that another version wrote and nobody here can read counts as not heard', () => {
    const rows = [row(GATEWAY, { report: '{"claims":"elsewhere"}' }), row(GATEWAY, { report: 'not json' })];
    expect(gatewaysOf(rows, NOW_MS)).toMatchObject({ heard: 0, crossed: 0, lastCrossedAtMs: null });
  });
});

describe('projectors', () => {
  test('are behind as far as the one that is furthest, which goes on ageing; a silent one covers nothing', () => {
    const late = row({ ...PROJECTOR, lagRecords: 5, lagMs: 2000, stopped: 1 });
    const rows = [row(PROJECTOR), late, row(PROJECTOR, silent)];
    expect(projectorsOf(rows, NOW_MS)).toEqual({ covered: 24, stopped: 1, lagRecords: 5, lagMs: 3000 });
    expect(projectorsOf([], NOW_MS)).toMatchObject({ covered: 0, lagMs: null });
  });

  test('of which one cannot tell how old its backlog is make the whole unknown', () => {
    const rows = [row(PROJECTOR), row({ ...PROJECTOR, lagRecords: 5, lagMs: null })];
    expect(projectorsOf(rows, NOW_MS)).toEqual({ covered: 24, stopped: 0, lagRecords: 5, lagMs: null });
  });
});

describe('a sweeper', () => {
  const standing = (report: SweeperReport, over: Partial<ReportRow> = {}) =>
    sweepersOf([row(report, over)], NOW_MS).instances[0]?.standing;

  test('works while it reports, is ready and ends its rounds', () => {
    expect(standing(SWEEPER)).toBe('working');
    expect(standing(SWEEPER, { notReady: 'kafka: away' })).toBe('notReady');
    expect(standing({ ...SWEEPER, sweptAgoMs: null })).toBe('notReady');
    expect(standing({ ...SWEEPER, sweptAgoMs: 29_500 })).toBe('hangs');
    expect(standing(SWEEPER, silent)).toBe('silent');
  });

  test('that is silent for an hour is history', () => {
    const rows = [row(SWEEPER, { heardAtMs: NOW_MS - 3_700_000 })];
    expect(sweepersOf(rows, NOW_MS)).toEqual({ instances: [], working: 0 });
  });

  test('that works is named before those that do not', () => {
    const rows = [row(SWEEPER, { instance: 'a', ...silent }), row(SWEEPER, { instance: 'b' })];
    const { instances, working } = sweepersOf(rows, NOW_MS);
    expect([instances.map(({ instance }) => instance), working]).toEqual([['b', 'a'], 1]);
  });
});
