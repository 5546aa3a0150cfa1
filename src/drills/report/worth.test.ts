import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sampleRun } from '../record/testing/record-fixture.ts';
import { markdownOf } from './markdown.ts';
import { reportPage } from './page.ts';
import { headline, totalsOf } from './report.ts';
import { id, newKey, own, reportsIn } from './testing/report-fixture.ts';
import { trendOf } from './trend.ts';

let stateDir = '';
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'drill-worth-'));
});
afterEach(() => rm(stateDir, { recursive: true, force: true }));

const { run, reportOf } = reportsIn(() => stateDir);

describe('a report, in both of its forms,', () => {
  test('counts no record that no known key signed, and says apart what it says of itself', async () => {
    await run(1);
    await sampleRun(stateDir, id(2), { unsigned: 'stripped' }, { lost: 4, probeLost: 2 });
    await sampleRun(stateDir, id(3), newKey(), { hypothesis: 'deviated', restored: 'notRestored' });
    const report = await reportOf();
    const rows = report.runs.map(({ row }) => row);
    const told = [
      '3 drills: 1 held, 0 deviated, 0 inconclusive. 1 NOT RESTORED. Not counted: 2 records that no known key signed (1 deviated).',
      '0 of 8,412 acknowledged operations found lost. 1 of 3 records signed by a known key.',
      'No known key signed 2 records. By their own word: 1 held, 1 deviated, 0 inconclusive.',
      '4 of 16,824 acknowledged operations found lost.',
      'No known key signed this record: what follows is its own word, and is not counted.',
    ];
    const texts = [markdownOf(report), reportPage(report)];
    for (const text of texts) for (const line of told) expect(text).toContain(line);
    expect(trendOf(rows)).toMatchObject([
      { runs: 1, held: 1, deviated: 0, notCounted: 2, lost: 0, probeLost: null, acknowledged: 8412 },
    ]);
    const pageOfRuns = (from: number) => reportPage({ ...report, runs: report.runs.slice(from, from + 1) });
    expect(pageOfRuns(2)).toContain('verdict ok');
    expect(pageOfRuns(1)).toContain('verdict unknown');
    expect(pageOfRuns(0)).toContain('verdict attention');
  });

  test('counts as held only what came to its own end: a recovery signs lines that it has not written', async () => {
    await run(1);
    const [{ row } = expect.unreachable('no row')] = (await reportOf()).runs;
    const interrupted = {
      ...row,
      outcome: row.outcome && { ...row.outcome, execution: 'interrupted' as const },
    };
    expect(totalsOf([row])).toMatchObject({ held: 1, inconclusive: 0 });
    expect(totalsOf([interrupted])).toMatchObject({ held: 0, inconclusive: 1 });
    expect(trendOf([interrupted])).toMatchObject([{ held: 0, inconclusive: 1 }]);
  });

  test('counts nothing of a record beside a file that was altered, and names a file that is not there', async () => {
    const probed = await run(1, { probeLost: 0 });
    await writeFile(probed.probe, '{"endedNs":"7","group":"a","id":"p2","outcome":"ok"}\n');
    const bare = await run(2);
    await rm(bare.history);
    const report = await reportOf();
    expect(headline(report.runs.map(({ row }) => row))).toBe(
      '2 drills: 1 held, 0 deviated, 0 inconclusive. Not counted: 1 record that proves nothing.',
    );
    for (const text of [markdownOf(report), reportPage(report)]) {
      expect(text).toContain('BROKEN record, proves nothing: what the store probe wrote was altered');
      expect(text).toContain('signed: history.ndjson is not there');
      expect(text).toContain(`signed by key ${own.keyId.slice(0, 16)}: history.ndjson is not there`);
      expect(text).toContain('ada on ops-1');
    }
  });

  test('says in how many runs a recovery was seen, and what inconclusive drills could not see', async () => {
    await run(1, { hypothesis: 'inconclusive', backInsideSloMs: null, restored: 'notRestored' });
    await run(2);
    const report = await reportOf();
    expect(markdownOf(report)).toContain('| kafka-broker-loss, 1 NOT RESTORED | 2 | 1 | 0 | 1 |');
    for (const text of [markdownOf(report), reportPage(report)]) {
      expect(text).toContain('seen in 1 of 2');
      expect(text).toContain('What 1 inconclusive drill could not see is not in that.');
    }
  });
});
