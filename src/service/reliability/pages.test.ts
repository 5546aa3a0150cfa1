import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { html } from '../../core/web/html.ts';
import { dashboardPage } from './dashboard-page.ts';
import { retryGonePage, retryPlanPage, retryResultPage } from './retry-pages.ts';
import { STYLE } from './style.ts';
import { badDay, idOf, NOW_MS, statusAt, WELL, withoutFact } from './testing/facts.ts';
import { relative, spanOf } from './words.ts';

const still = { isRefreshing: false };

/** Every tag with its attribute names: what a browser would make of the page, whatever the texts in it. */
function shapeOf(page: string): string[] {
  return [...page.matchAll(/<[^>]*>/g)].map(([tag]) => tag.replaceAll(/"[^"]*"/g, '""'));
}

/** Texts that would break out of an element, an attribute or a comment, mixed with any others. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc
    .array(
      fc.constantFrom('<', '>', '"', "'", '&', '</style>', '<script>', '-->', '" onload="', '&lt;', 'x', ' '),
      {
        maxLength: 8,
      },
    )
    .map((parts) => parts.join('')),
);

const plan = (text: string) => ({
  token: 'f'.repeat(32),
  expiresAt: new Date(NOW_MS + 120_000).toISOString(),
  retries: [{ operationId: text, does: 'sendAgain' as const, attempts: 2 }],
  refused: [{ operationId: text, reason: text }],
  more: true,
});
const result = (text: string) => ({
  doneAt: new Date(NOW_MS).toISOString(),
  due: [{ operationId: text, does: 'look' as const }],
  refused: [{ operationId: text, reason: text }],
});

describe('the pages', () => {
  test('have one shape whatever stands in them: no text becomes a tag or an attribute', () => {
    const pages = (text: string) => [
      dashboardPage(statusAt(badDay(text), text), still),
      retryPlanPage(plan(text), NOW_MS, text),
      retryResultPage(result(text), true),
    ];
    const shapes = pages('x').map(shapeOf);
    fc.assert(
      fc.property(hostile, (text) => {
        expect(pages(text).map(shapeOf)).toEqual(shapes);
      }),
      { numRuns: 300 },
    );
  });

  test('load nothing, run nothing, and have a title, a language and a width', () => {
    for (const page of [
      dashboardPage(statusAt(badDay('x')), { isRefreshing: true }),
      retryPlanPage(plan('x'), NOW_MS, undefined),
      retryResultPage(result('x'), false),
      retryGonePage(),
    ]) {
      expect(page).not.toMatch(/<script|\ssrc=|https?:|url\(|@import|\son\w+=|style="/);
      expect(page).toMatch(/^<!doctype html><html lang="en">/);
      expect(page).toContain('<title>');
      expect(page).toContain('width=device-width');
      for (const [table] of page.matchAll(/<table>.*?<\/table>/gs))
        expect(table).toMatch(/<caption>[^<]+<\/caption>/);
    }
  });

  test('ask again by themselves only where nothing is confirmed, and hold still when asked to', () => {
    expect(dashboardPage(statusAt(WELL), { isRefreshing: true })).toContain(
      'http-equiv="refresh" content="10"',
    );
    expect(dashboardPage(statusAt(WELL), still)).not.toContain('http-equiv="refresh"');
    expect(retryPlanPage(plan('x'), NOW_MS, undefined)).not.toContain('http-equiv="refresh"');
  });

  test('show what could not be asked as not known where its numbers would stand, and no number for it', () => {
    const page = dashboardPage(statusAt(withoutFact('deadLetters')), still);
    const [, section = ''] = /<section id="deadLetters".*?>(.*?)<\/section>/s.exec(page) ?? [];
    expect(section).toContain('Not known: connection refused');
    expect(section).not.toContain('<dl>');
    expect(page).toContain('>?</span>Not known</p>');
  });

  test('say what to type for dead letters, exactly when there are some', () => {
    expect(dashboardPage(statusAt(badDay('x')), still)).toContain('uplift dlq replay replay.plan.json');
    expect(dashboardPage(statusAt(WELL), still)).not.toContain('uplift dlq');
  });

  test('offer no button where nothing can be retried', () => {
    const page = retryPlanPage({ ...plan(idOf(1)), retries: [] }, NOW_MS, undefined);
    expect(page).not.toContain('<form');
    expect(page).toContain('Nothing can be retried');
  });
});

describe('the colours', () => {
  const schemes = [...STYLE.matchAll(/--ground:#.*?(?=\})/gs)].map(([block]) =>
    Object.fromEntries(
      [...block.matchAll(/--(\w+):(#[0-9a-f]{6})/g)].map(([, name, value]) => [name, value]),
    ),
  );

  test('keep 4.5:1 against the page and its cards, light and dark', () => {
    expect(schemes).toHaveLength(2);
    for (const colours of schemes)
      for (const ink of ['ink', 'quiet', 'ok', 'attention', 'unknown', 'link'])
        for (const ground of ['ground', 'card'])
          expect([ink, ground, contrast(colours[ink], colours[ground]) >= 4.5]).toEqual([ink, ground, true]);
  });
});

/** Contrast of two colours as WCAG 2 counts it. */
function contrast(a = '#000000', b = '#000000'): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].toSorted((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

describe('words', () => {
  test('tell a span in the largest unit that it fills', () => {
    expect([300, 1000, 59_999, 60_000, 7_200_000, 86_400_000, 200_000_000].map(spanOf)).toEqual([
      '300 ms',
      '1 s',
      '59 s',
      '1 min',
      '2 h',
      '1 day',
      '2 days',
    ]);
    expect([relative(0, 5000), relative(5000, 0), relative(0, 900)]).toEqual([
      '5 s ago',
      'in 5 s',
      'just now',
    ]);
  });

  test('of a template are escaped, in elements and in attributes', () => {
    expect(html`<a title="${'"<\'&'}">${['<b>', html`<i>${1}</i>`, null]}</a>`.text).toBe(
      '<a title="&quot;&lt;&#39;&amp;">&lt;b&gt;<i>1</i></a>',
    );
  });
});
