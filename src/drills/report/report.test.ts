import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RecordRow } from '../record/row.ts';
import { STARTED_MS } from '../record/testing/record-fixture.ts';
import { cell, markdownOf, sparkOf } from './markdown.ts';
import { reportPage } from './page.ts';
import { PLOT_STYLE, plotOf, ticksOf } from './plot.ts';
import { type DrillReport, headline, totalsOf } from './report.ts';
import { id, own, reportsIn } from './testing/report-fixture.ts';
import { type DrillTimeline, describeTimeline, timelineOf } from './timeline.ts';
import { quarterOf, trendOf } from './trend.ts';

const QUARTER_MS = 91 * 86_400_000;
let stateDir = '';
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'drill-report-'));
});
afterEach(() => rm(stateDir, { recursive: true, force: true }));

const { run, reportOf } = reportsIn(() => stateDir);

/** Two quarters, three drills that prove something, and a record that somebody altered. */
async function mixedReport(): Promise<DrillReport> {
  await run(1, { startedMs: STARTED_MS - QUARTER_MS, backInsideSloMs: 9000 });
  await run(2, { hypothesis: 'deviated', lost: 4, backInsideSloMs: 41_000 });
  await run(3, { approver: 'Grace', lost: 0 });
  const broken = await run(4);
  await chmod(broken.journal, 0o644);
  await writeFile(broken.journal, (await readFile(broken.journal, 'utf8')).replace('held', 'HELD'));
  return reportOf();
}

/** Random text in every place that a record or a history could bring it. */
function rowWith(text: string): RecordRow {
  return {
    runId: id(1),
    atMs: STARTED_MS,
    drill: text,
    region: text,
    state: 'unsigned',
    signedBy: null,
    problem: text,
    outcome: {
      drill: text,
      region: text,
      environment: text,
      target: text,
      execution: 'completed',
      hypothesis: 'deviated',
      restored: 'notRestored',
      reasons: [text],
      context: {
        who: { user: text, host: text, uplift: text, node: text },
        approver: text,
        configSha256: text,
        versions: [],
      },
      result: null,
    },
  };
}

const TIMELINE: DrillTimeline = {
  secondsPerColumn: 1,
  fromS: -2,
  toS: 3,
  phases: [
    { phase: 'baseline', fromS: -2, toS: -0.5 },
    { phase: 'fault', fromS: 0, toS: 1.5 },
    { phase: 'after', fromS: 2, toS: 3 },
  ],
  columns: [
    { atS: -2, acknowledged: 200, failed: 0, p99Ms: 18 },
    { atS: -1, acknowledged: 210, failed: 0, p99Ms: 20 },
    { atS: 0, acknowledged: 0, failed: 30, p99Ms: null },
    { atS: 1, acknowledged: 400, failed: 0, p99Ms: 3200 },
    { atS: 2, acknowledged: 190, failed: 0, p99Ms: 21 },
  ],
};

describe('a report', () => {
  test('as Markdown tells every drill, the trend, and what each saw', async () => {
    expect(markdownOf(await mixedReport()).replaceAll(own.keyId.slice(0, 16), 'OWN KEY')).toMatchSnapshot();
  });

  test('as a page tells the same numbers', async () => {
    const report = await mixedReport();
    const page = reportPage(report);
    const rows = report.runs.map(({ row }) => row);
    expect(totalsOf(rows)).toEqual({
      held: 2,
      deviated: 1,
      inconclusive: 0,
      notRestored: 0,
      lost: 4,
      probeLost: 0,
      acknowledged: 3 * 8412,
      signed: 3,
      unproven: 0,
      worthless: 1,
    });
    for (const text of [headline(rows), '4 of 16,824', 'Grace', 'proves nothing', '2026 Q3', '2026 Q4'])
      expect(page).toContain(text);
  });

  test('as a page looks like this', () => {
    const row = { ...rowWith('kafka-broker-loss'), state: 'signed' as const, problem: null };
    const runs = [{ row, timeline: TIMELINE }];
    const page = reportPage({ generatedAtMs: STARTED_MS, sinceMs: 0, uplift: '0.1.0', more: false, runs });
    expect(page.replace(/<style>.*<\/style>/s, '').replaceAll('><', '>\n<')).toMatchSnapshot();
  });

  test('draws nothing of a history that was altered, and nothing of a record that proves nothing', async () => {
    const folder = await run(1);
    const text = await readFile(folder.history, 'utf8');
    await writeFile(folder.history, text.replace('"op":9,', '"op":8,'));
    const [only] = (await reportOf()).runs;
    expect(only?.timeline).toEqual({ absent: expect.stringContaining('the history was altered') });
    const page = reportPage(await reportOf());
    expect(page).not.toContain('class="plot"');
    expect(page).toContain('the history was altered');
  });

  test('leaves out what is older than it was asked for, and says so of nothing at all', async () => {
    await run(1, { startedMs: STARTED_MS - QUARTER_MS });
    await run(2);
    expect((await reportOf(STARTED_MS - 1000)).runs.map(({ row }) => row.runId)).toEqual([id(2)]);
    const none = await reportOf(STARTED_MS + 1000);
    expect(markdownOf(none)).toContain('There is no record of a drill.');
    expect(reportPage(none)).toContain('There is no record of a drill.');
  });

  test('loads nothing, runs nothing, and has a title, a language, a width, captions and text for every picture', async () => {
    const page = reportPage(await mixedReport());
    expect(page).not.toMatch(/<script|\ssrc=|https?:|url\(|@import|\son\w+=|style="/);
    expect(page).toMatch(/^<!doctype html><html lang="en">/);
    expect(page).toContain('width=device-width');
    expect(page).toContain('content="default-src &#39;none&#39;; style-src');
    for (const [table] of page.matchAll(/<table>.*?<\/table>/gs))
      expect(table).toMatch(/<caption>[^<]+<\/caption>/);
    const pictures = [...page.matchAll(/<svg class="(\w+)"[^>]*>/g)];
    expect(pictures.filter(([, kind]) => kind === 'plot')).toHaveLength(3);
    for (const [tag, kind] of pictures)
      expect(tag).toMatch(kind === 'plot' ? /role="img" aria-labelledby="\S+ \S+"/ : /aria-hidden="true"/);
    const ids = [...page.matchAll(/\sid="([^"]*)"/g)].map(([, name]) => name);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, names = ''] of page.matchAll(/aria-labelledby="([^"]*)"/g))
      for (const name of names.split(' ')) expect(ids).toContain(name);
    for (const [, name] of page.matchAll(/href="#([^"]*)"/g)) expect(ids).toContain(name);
  });

  test('has one shape whatever stands in a record: no text becomes a tag, an attribute or a cell', () => {
    const hostile = fc
      .array(
        fc.constantFrom(
          '<',
          '>',
          '"',
          "'",
          '&',
          '|',
          '`',
          '\n',
          '</style>',
          '<script>',
          '-->',
          '\\',
          '#',
          'x',
        ),
        {
          minLength: 1,
          maxLength: 8,
        },
      )
      .map((parts) => parts.join(''));
    const report = (text: string): DrillReport => ({
      generatedAtMs: 0,
      sinceMs: null,
      uplift: text,
      more: false,
      runs: [{ row: rowWith(text), timeline: { absent: text } }],
    });
    const shapeOf = (page: string) =>
      [...page.matchAll(/<[^>]*>/g)].map(([tag]) => tag.replaceAll(/"[^"]*"/g, '""'));
    const shape = shapeOf(reportPage(report('x')));
    const bars = (markdown: string) =>
      markdown.split('\n').map((line) => line.replaceAll(/\\./g, '').split('|').length);
    fc.assert(
      fc.property(hostile, (text) => {
        expect(shapeOf(reportPage(report(text)))).toEqual(shape);
        const tables = (markdown: string) => bars(markdown).filter((cells) => cells > 1);
        const inTables = markdownOf({ ...report(text), uplift: 'x' });
        expect(tables(inTables)).toEqual(tables(markdownOf(report('x'))));
        expect(cell(text)).not.toMatch(/(^|[^\\])[<|`]/);
      }),
    );
  });
});

describe('the timeline of a drill', () => {
  test('is told in sentences', () => {
    expect(describeTimeline(TIMELINE)).toBe(
      'Acknowledged per second: 200 before the fault, 0 at the lowest (+0.0 s), 190 after the restore. ' +
        'Failed: 30 a second at the most (+0.0 s). p99: 18 ms before the fault, 3,200 ms at the worst (+1.0 s).',
    );
  });

  test('is drawn with letters, a gap where nothing was seen, and never outside of its frame', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            acknowledged: fc.nat({ max: 1e6 }),
            failed: fc.double({ min: 0, max: 1e6, noNaN: true }),
            p99Ms: fc.option(fc.double({ min: 0, max: 1e5, noNaN: true })),
          }),
          { minLength: 1, maxLength: 50 },
        ),
        fc.integer({ min: -60, max: 10 }),
        (values, fromS) => {
          const columns = values.map((value, at) => ({ atS: fromS + at, ...value }));
          const timeline = { ...TIMELINE, phases: [], columns, fromS, toS: fromS + values.length };
          const { text } = plotOf(timeline, 'p');
          const paths = [...text.matchAll(/<path class="(?:rate|failed|p99)" d="([^"]*)"/g)].map(
            ([, d = '']) => d,
          );
          expect(paths).toHaveLength(3);
          for (const d of paths) {
            expect(d).toMatch(/^M\d+ [\d.]+([VH][\d.]+|M\d+ [\d.]+|Z)*$/);
            for (const [, height] of d.matchAll(/V([\d.]+)/g)) {
              expect(Number(height)).toBeGreaterThanOrEqual(0);
              expect(Number(height)).toBeLessThanOrEqual(100);
            }
            for (const [, x] of d.matchAll(/H([\d.]+)/g))
              expect(Number(x)).toBeLessThanOrEqual(values.length);
          }
          const seen = values.filter(({ p99Ms }) => p99Ms !== null).length;
          expect([...(paths[2] ?? '').matchAll(/H/g)]).toHaveLength(seen);
          expect(text).not.toMatch(/NaN|Infinity|undefined|null/);
          for (const line of sparkOf(timeline)) expect(line.length).toBeLessThan(110);
        },
      ),
    );
  });

  test('joins seconds and phases on the one clock, and puts many seconds into one column', async () => {
    const second = (at: number) => ({
      second: at,
      ok: at % 2 === 0 ? 10 : 20,
      fail: 0,
      info: 1,
      p50Ms: 1,
      p99Ms: at,
      firstAckUs: null,
      lastAckUs: null,
      firstFailureUs: null,
    });
    const line = (kind: string, monoNs: bigint, body: unknown) =>
      ({ kind, monoNs: String(monoNs), body }) as never;
    const entries = [
      line('phase.begun', 1_000_000_000n, { phase: 'baseline' }),
      line('phase.ended', 3_000_000_000n, { phase: 'baseline' }),
      line('phase.begun', 4_000_000_000n, { phase: 'fault' }),
      line('drill.observed', 9_000_000_000n, { faultNs: '5000000000' }),
    ];
    const few = timelineOf({ startedNs: 2_000_000_000n, seconds: [0, 1, 2, 3].map(second) }, entries);
    expect(few).toMatchObject({
      fromS: -3,
      toS: 1,
      secondsPerColumn: 1,
      phases: [{ phase: 'baseline', fromS: -3, toS: -2 }],
      columns: [{ atS: -3, acknowledged: 10, failed: 1, p99Ms: 0 }, {}, {}, { atS: 0, acknowledged: 20 }],
    });
    const seconds = Array.from({ length: 1000 }, (_, at) => second(at));
    const many = timelineOf({ startedNs: 2_000_000_000n, seconds }, entries);
    expect(many?.secondsPerColumn).toBe(3);
    expect(many?.columns).toHaveLength(334);
    expect(many?.columns[1]).toMatchObject({ atS: 0, failed: 1, p99Ms: 5 });
    expect(timelineOf({ startedNs: 0n, seconds }, entries.slice(0, 3))).toBeUndefined();
  });

  test('has three marks of time at most, which do not stand on one another', () => {
    expect(ticksOf({ fromS: -20, toS: 20 }).map(({ atS }) => atS)).toEqual([-20, 0, 20]);
    expect(ticksOf({ fromS: -2, toS: 60 }).map(({ atS }) => atS)).toEqual([-2, 60]);
  });

  test('is drawn in colours of the page, which keep their contrast in light and dark', () => {
    expect(PLOT_STYLE).not.toMatch(/#[0-9a-f]{3}/i);
  });
});

describe('the trend', () => {
  const outcome = rowWith('d').outcome;
  const row = (atMs: number, ms: number | null, hypothesis: 'held' | 'inconclusive'): RecordRow =>
    ({
      ...rowWith('d'),
      state: 'signed',
      atMs,
      outcome: {
        ...outcome,
        hypothesis,
        restored: 'restored',
        result: {
          recoveryTargetMs: 30_000,
          recovery: { backInsideSloMs: ms },
          judgement: { acknowledged: 10, lost: [], duplicates: [], unknown: 0 },
          probe: null,
        },
      },
    }) as never;

  test('counts by quarter and drill what records prove, and nothing else', () => {
    const [july, october] = [Date.UTC(2026, 6, 1), Date.UTC(2026, 9, 1)];
    const rows = [
      row(october, 5000, 'held'),
      row(october + 1, 7000, 'held'),
      row(october + 2, null, 'inconclusive'),
      row(october - 1, 9000, 'held'),
      row(july, 9000, 'held'),
      { ...row(october, 1, 'held'), state: 'broken' as const, outcome: null },
    ];
    expect(trendOf(rows)).toMatchObject([
      {
        quarter: '2026 Q4',
        runs: 3,
        held: 2,
        inconclusive: 1,
        recoveryMedianMs: 6000,
        recoveryWorstMs: 7000,
        acknowledged: 30,
      },
      { quarter: '2026 Q3', runs: 2, held: 2, recoveryWorstMs: 9000, targetMs: 30_000 },
    ]);
  });

  test('knows the quarter of every day, in UTC', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }), (at) => {
        const [year, quarter] = quarterOf(at.getTime()).split(' Q').map(Number);
        expect(year).toBe(at.getUTCFullYear());
        expect(Math.ceil((at.getUTCMonth() + 1) / 3)).toBe(quarter);
      }),
    );
  });
});
