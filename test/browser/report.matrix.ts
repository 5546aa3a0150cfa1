import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { STARTED_MS, sampleRun } from '../../src/drills/record/testing/record-fixture.ts';
import { gatherRuns } from '../../src/drills/report/gather.ts';
import { reportPage } from '../../src/drills/report/page.ts';
import { signingKeyOf } from '../../src/record/keys.ts';
import { startBrowser } from './chromium.ts';

/** With BROWSER_SHOTS=<folder> a picture of every page that is looked at. */
const SHOTS = process.env.BROWSER_SHOTS;

interface Seen {
  readonly wide: number;
  readonly plots: number;
  readonly smallest: number;
  readonly outside: number;
}

let browser: Browser;
let folder = '';
let file = '';

beforeAll(async () => {
  browser = await startBrowser(chromium);
  folder = await mkdtemp(join(tmpdir(), 'report-page-'));
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  const key = signingKeyOf(String(pem), 'own');
  const id = (at: number): string => `01a2155${at}-599f-77f4-bbf0-a44a24836f27`;
  await sampleRun(folder, id(1), key, { startedMs: STARTED_MS - 91 * 86_400_000, backInsideSloMs: 9000 });
  await sampleRun(folder, id(2), key, { hypothesis: 'deviated', lost: 4, backInsideSloMs: 41_000 });
  await sampleRun(folder, id(3), key, { approver: 'Grace' });
  const gathered = await gatherRuns(folder, [key], null);
  const report = { generatedAtMs: STARTED_MS, sinceMs: null, uplift: '0.1.0', ...gathered };
  file = join(folder, 'report.html');
  await writeFile(file, reportPage(report));
});

afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

describe('the report of drills, as a file', () => {
  test.each([
    ['phone', 'light', { width: 360, height: 740 }],
    ['phone', 'dark', { width: 360, height: 740 }],
    ['desk', 'light', { width: 1280, height: 900 }],
    ['desk', 'dark', { width: 1280, height: 900 }],
  ] as const)(
    'on a %s in %s: fits, asks nobody, complains of nothing, and its text is large enough',
    async (where, colorScheme, viewport) => {
      const context = await browser.newContext({ viewport, colorScheme });
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on('console', (message) => complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('request', (request) => {
        if (!/^(file|data):/.test(request.url())) complaints.push(`asked ${request.url()}`);
      });
      try {
        await page.goto(pathToFileURL(file).href);
        if (SHOTS !== undefined)
          await page.screenshot({ path: join(SHOTS, `report-${where}-${colorScheme}.png`), fullPage: true });
        // As text: what runs in the page is not of this program's types.
        const seen = await page.evaluate<Seen>(`(() => {
        const boxes = [...document.querySelectorAll('.plot text')].map((text) => text.getBoundingClientRect());
        const { scrollWidth, clientWidth } = document.documentElement;
        return {
          wide: scrollWidth - clientWidth,
          plots: document.querySelectorAll('.plot').length,
          smallest: Math.min(...boxes.map(({ height }) => height)),
          outside: boxes.filter(({ left, right }) => left < 0 || right > innerWidth).length,
        };
      })()`);
        expect(seen).toMatchObject({ wide: 0, plots: 3, outside: 0 });
        expect(seen.smallest).toBeGreaterThan(12);
        await page.getByText('Numbers of each second').first().click();
        expect(
          await page.getByRole('table', { name: 'From the fault; by completion' }).first().isVisible(),
        ).toBe(true);
        expect(await page.getByRole('img', { name: /Rate, failures and p99/ }).count()).toBe(3);
        expect(complaints).toEqual([]);
      } finally {
        await context.close();
      }
    },
  );
});
