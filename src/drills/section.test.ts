import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../config/load.ts';
import { isUpliftError } from '../core/error.ts';
import { drillsSection } from './section.ts';

const HEAD = `version: 1
environment: { name: shop }
regions: [{ name: local, kafka: { brokers: ['127.0.0.1:1'] } }]
drills:
`;
const load = (lines: string) =>
  loadConfig({ file: 'uplift.yaml', text: `${HEAD}${lines}`, sections: [drillsSection] }).value.drills;

function problemsOf(lines: string): string[] {
  try {
    load(lines);
    return [];
  } catch (error) {
    if (!isUpliftError(error, 'UPL-CONFIG-INVALID')) throw error;
    return error.findings.map(({ summary }) => summary);
  }
}

const window = (rest: string): string =>
  `  window: { days: [mon], from: "09:00", to: "16:00", timeZone: UTC, ${rest} }\n`;

describe('drills in uplift.yaml', () => {
  it('are bounded, and off in production, where nothing is said', () => {
    expect(load('  maxFault: 5m\n')).toEqual({
      ...{ maxFault: 300_000, maxDuration: 7_200_000, maxShare: 0.5, inProduction: false },
      ...{ abortErrorRate: 0.5, abortAfter: 10_000 },
    });
  });

  it('take a window as people write it, times and dates without quotes, too', () => {
    const { window: read } = load(
      '  window: { days: [mon, thu], from: 22:00, to: 04:00, timeZone: Europe/Berlin, blocked: [2026-11-27, 2026-12-20..2027-01-06] }\n',
    );
    expect(read).toEqual({
      ...{ days: ['mon', 'thu'], from: '22:00', to: '04:00', timeZone: 'Europe/Berlin' },
      blocked: ['2026-11-27', '2026-12-20..2027-01-06'],
    });
  });

  it.each([
    ['  window: { days: [], from: "09:00", to: "16:00", timeZone: UTC }\n', /days/],
    ['  window: { days: [mon], from: "9:00", to: "16:00", timeZone: UTC }\n', /from must be a time/],
    ['  window: { days: [mon], from: "24:00", to: "16:00", timeZone: UTC }\n', /from must be a time/],
    [
      '  window: { days: [mon], from: "09:00", to: "09:00", timeZone: UTC }\n',
      /to must not end when it begins/,
    ],
    ['  window: { days: [mon], from: "09:00", to: "24:30", timeZone: UTC }\n', /to must be a time/],
    ['  window: { days: [mon], from: "09:00", to: "16:00", timeZone: Europe/Berlib }\n', /time zone such as/],
    [window('blocked: ["2026-02-30"]'), /must be a date such as/],
    [window('blocked: ["2026-12-20..2026-12-01"]'), /must be a date such as/],
    [window('blocked: ["2026-12-20.."]'), /must be a date such as/],
    ['  errorBudget: { url: "ftp://p", query: q, min: 0.2 }\n', /http or https/],
    ['  errorBudget: { url: "http://me:pw@p", query: q, min: 0.2 }\n', /no user and no password/],
    ['  errorBudget: { url: "http://p", query: q, min: 20 }\n', /min/],
    ['  errorBudget: { url: "http://p", query: q, min: 0.2, token: hunter2 }\n', /token/],
  ])('refuse %s', (lines, problem) => {
    const problems = problemsOf(lines);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(problem);
    expect(problems[0]).not.toMatch(/hunter2|pw/);
  });

  it('whatever stands as a blocked date: it is one problem, or a date', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(problemsOf(window(`blocked: [${JSON.stringify(text)}]`)).length).toBeLessThanOrEqual(1);
      }),
    );
  });
});
