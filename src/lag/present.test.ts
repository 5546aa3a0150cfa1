import { describe, expect, it } from 'vitest';
import { EXIT } from '../core/exit.ts';
import { exitOfVerdict, type FindingStatus, verdictOf } from '../core/finding.ts';
import { formatAge } from '../core/units.ts';
import { lagDocument, presentLag } from './present.ts';
import type { ConsumerLag, LagFacts } from './types.ts';
import { findingsOf, type RegionLag, statusOf } from './verdict.ts';

const lag = (over: Partial<ConsumerLag>): ConsumerLag => ({
  kind: 'group',
  name: 'reservations-commands',
  state: 'ok',
  reason: null,
  groupState: 'Stable',
  behindMs: 300,
  behindIs: 'exact',
  records: 120,
  lostRecords: 0,
  producedPerS: 212,
  consumedPerS: 209.4,
  drainedInMs: null,
  windowMs: 1000,
  partitions: [],
  ...over,
});
const facts = (over: Partial<LagFacts> = {}): LagFacts => ({
  observedAtMs: 10_000,
  tookMs: 1400,
  cluster: { seen: true, atMs: 10_000, value: { clusterId: 'c', gaps: [] } },
  consumers: [],
  requests: 22,
  ...over,
});
const region = (name: string, consumers: ConsumerLag[], seen = facts()): RegionLag => ({
  region: name,
  facts: seen,
  consumers,
  freshness: { source: 'file', text: 'uplift.yaml:90' },
});
const away = facts({
  tookMs: 5000,
  cluster: { seen: false, atMs: 10_000, reason: 'Cannot reach Kafka at 127.0.0.1:1' },
});
const look = { maxMs: undefined, named: [] };
const gate = { maxMs: 30_000, named: [] };

describe('the table', () => {
  it('has regions side by side, a dead one as a cell, and the worst first', () => {
    const growing = lag({
      name: 'reservations-projection',
      kind: 'projection',
      state: 'growing',
      behindMs: 42_000,
      records: 18_204,
    });
    const regions = [region('us-east', [growing, lag({})]), region('eu-west', [], away)];
    const [table] = presentLag(regions, [], 10_400);
    if (table?.kind !== 'table') expect.fail('no table');
    expect(table.columns.map(({ title, group }) => `${group ?? ''}/${title}`)).toEqual([
      '/GROUP / PROJECTION',
      'us-east (0.4 s ago)/BEHIND',
      'us-east (0.4 s ago)/RECORDS',
      'us-east (0.4 s ago)/STATE',
      'eu-west (0.4 s ago)/BEHIND',
      'eu-west (0.4 s ago)/RECORDS',
      'eu-west (0.4 s ago)/STATE',
    ]);
    expect(table.rows).toEqual([
      ['reservations-projection', '42 s ▲', '18,204', 'growing', '–', '–', 'no answer (5.0 s)'],
      ['reservations-commands', '0.3 s', '120', 'ok', '–', '–', 'no answer (5.0 s)'],
    ]);
  });

  it('of one region also has the rates, and says where a number is a lower bound or not known', () => {
    const rows = [
      lag({ name: 'a', behindMs: 5000, behindIs: 'atLeast' }),
      lag({ name: 'b', behindMs: null, behindIs: 'untold' }),
      lag({ name: 'c', state: 'noAnswer', behindMs: null, behindIs: 'untold', records: null }),
      lag({ name: 'd', state: 'beyond', behindMs: null, behindIs: 'untold', records: null }),
    ];
    const [table] = presentLag([region('local', rows)], [], 10_000);
    if (table?.kind !== 'table') expect.fail('no table');
    expect(table.rows.toSorted()).toEqual([
      ['a', '≥ 5.0 s', '120', '212/s', '209/s', 'ok'],
      ['b', '?', '120', '212/s', '209/s', 'ok'],
      ['c', '–', '–', '–', '–', 'no answer'],
      ['d', '?', '?', '212/s', '209/s', 'beyond end'],
    ]);
  });

  it('says when nothing was seen at all', () => {
    expect(presentLag([region('local', [])], [], 0)).toEqual([
      { kind: 'verdict', text: 'No group and no projection was seen: nothing can be said.', mark: 'unknown' },
    ]);
  });

  it('of ages has one unit, coarser as they grow', () => {
    const ages = [0, 300, 9_949, 9_950, 42_000, 119_499, 119_500, 7_200_000, 172_800_000, 1_036_800_000];
    expect(ages.map(formatAge)).toEqual([
      '0 s',
      '0.3 s',
      '9.9 s',
      '10 s',
      '42 s',
      '119 s',
      '2 min',
      '2 h',
      '2 d',
      '12 d',
    ]);
  });
});

describe('the verdict', () => {
  const cases: [string, Partial<ConsumerLag>, look: FindingStatus, gate: FindingStatus][] = [
    ['within the limit', { behindMs: 30_000 }, 'pass', 'pass'],
    ['over the limit', { behindMs: 30_001, state: 'draining' }, 'pass', 'fail'],
    ['growing within the limit', { behindMs: 20_000, state: 'growing' }, 'warn', 'pass'],
    ['stalled', { behindMs: 40_000, state: 'stalled' }, 'warn', 'fail'],
    ['records deleted unread', { behindMs: 1, state: 'lost', lostRecords: 3 }, 'warn', 'fail'],
    ['beyond the end', { state: 'beyond', behindMs: null, behindIs: 'untold' }, 'warn', 'fail'],
    ['an age that is not known', { behindMs: null, behindIs: 'untold' }, 'inconclusive', 'inconclusive'],
    ['a lower bound below the limit', { behindMs: 100, behindIs: 'atLeast' }, 'inconclusive', 'inconclusive'],
    ['a lower bound over the limit', { behindMs: 31_000, behindIs: 'atLeast' }, 'inconclusive', 'fail'],
    ['no answer', { state: 'noAnswer', behindMs: null, behindIs: 'untold' }, 'inconclusive', 'inconclusive'],
    ['nothing committed', { state: 'noCommits', behindMs: null }, 'notApplicable', 'notApplicable'],
  ];
  it.each(cases)('of %s', (_, over, withoutLimit, withLimit) => {
    expect(statusOf(lag(over), look)).toBe(withoutLimit);
    expect(statusOf(lag(over), gate)).toBe(withLimit);
  });

  it('needs an answer about a group that was asked for by name', () => {
    const named = { maxMs: undefined, named: ['reservations-commands'] };
    expect(statusOf(lag({ state: 'noCommits', behindMs: null }), named)).toBe('inconclusive');
  });

  it('is inconclusive where a region is away, groups could not be listed, or nothing was there', () => {
    const exitOf = (regions: readonly RegionLag[]): number =>
      exitOfVerdict(verdictOf(regions.flatMap((one) => findingsOf(one, look))));
    const gap = { seen: true, atMs: 0, value: { clusterId: 'c', gaps: ['broker 2: no answer'] } } as const;
    expect(exitOf([region('a', [lag({})])])).toBe(EXIT.ok);
    expect(exitOf([region('a', [lag({})]), region('b', [], away)])).toBe(EXIT.inconclusive);
    expect(exitOf([region('a', [lag({})], facts({ cluster: gap }))])).toBe(EXIT.inconclusive);
    expect(exitOf([region('a', [])])).toBe(EXIT.inconclusive);
  });

  it('names the limit it holds to: the flag, or for the projection the line of uplift.yaml', () => {
    const both = [lag({}), lag({ kind: 'projection' })];
    expect(findingsOf(region('a', both), look).map(({ promise }) => promise?.text)).toEqual([
      undefined,
      'uplift.yaml:90',
    ]);
    expect(findingsOf(region('a', both), gate).map(({ promise }) => promise?.text)).toEqual([
      '--max 30.0 s',
      '--max 30.0 s',
    ]);
  });
});

describe('the document', () => {
  it('has a row per consumer and region, and of its partitions those that are not caught up', () => {
    const one = (state: 'caughtUp' | 'behind', partition: number): ConsumerLag['partitions'][number] => ({
      topic: 't',
      partition,
      state,
      committed: 1n,
      start: 0n,
      end: 2n,
      records: 1,
      lostRecords: 0,
      behindMs: 1,
      reason: null,
    });
    const row = lag({ partitions: [one('behind', 3), one('caughtUp', 4)] });
    expect(lagDocument([region('a', [row]), region('b', [], away)], [], 30_000)).toMatchObject({
      verdict: 'inconclusive',
      maxMs: 30_000,
      regions: [
        { region: 'a', seen: true, reason: null, requests: 22 },
        { region: 'b', seen: false, reason: 'Cannot reach Kafka at 127.0.0.1:1' },
      ],
      rows: [{ region: 'a', partitionCount: 2, partitions: [{ partition: 3 }], partitionsLeftOut: 0 }],
    });
  });
});
