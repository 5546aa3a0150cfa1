import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { retryPlanSchema } from '../../src/contract/reliability.ts';
import { parseEnv } from '../../src/service/env.ts';
import { addReliability } from '../../src/service/reliability/index.ts';
import { createHttp, listen } from '../../src/service/runtime/http.ts';
import { createMetrics } from '../../src/service/runtime/metrics.ts';
import { keepUnknown } from '../../src/service/unknown/store.ts';
import { idOf, someOutcome } from '../../src/service/unknown/testing/outcomes.ts';
import { type ServiceDatabase, startServiceDatabase } from '../support/service-database.ts';
import { startBrowser } from './chromium.ts';

/** With BROWSER_SHOTS=<folder> a picture of every page that is looked at. */
const SHOTS = process.env.BROWSER_SHOTS;
const PHONE: BrowserContextOptions = {
  viewport: { width: 360, height: 740 },
  hasTouch: true,
  isMobile: true,
};
const DESK: BrowserContextOptions = { viewport: { width: 1280, height: 900 } };

let database: ServiceDatabase;
let app: FastifyInstance;
let base: string;
let browser: Browser;

beforeAll(async () => {
  database = await startServiceDatabase('uplift-browser');
  browser = await startBrowser(chromium);
});

afterAll(async () => {
  await browser?.close();
  await database?.stop();
});

beforeEach(async () => {
  await database.direct.query(
    `TRUNCATE uplift_service.unknown_outcomes, uplift_service.dead_letters, uplift_service.offsets,
     uplift_service.process_reports`,
  );
  // Each test its own: answers are kept for a second.
  const settings = parseEnv({ HTTP_PORT: '0', INSTANCE: 'sweeper-az-a-1' });
  const metrics = createMetrics();
  app = createHttp({ role: 'sweeper', settings, metrics, probes: () => [], draining: () => false });
  await addReliability(app, { sql: database.sql, settings, metrics });
  base = `http://127.0.0.1:${await listen(app, settings)}`;
});

interface Seen {
  readonly page: Page;
  readonly complaints: string[];
}

const open: Seen[] = [];

afterEach(async () => {
  const seen = open.splice(0);
  await Promise.all(seen.map(({ page }) => page.context().close()));
  await app.close();
  // Whatever a test is about: no page complains, and none asks anybody but us.
  expect(seen.flatMap(({ complaints }) => complaints)).toEqual([]);
});

async function visit(path: string, options: BrowserContextOptions = DESK): Promise<Page> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(base) && !request.url().startsWith('data:'))
      complaints.push(`elsewhere: ${request.url()}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()}: ${response.url()}`);
  });
  open.push({ page, complaints });
  await page.goto(base + path);
  return page;
}

async function shot(page: Page, name: string): Promise<void> {
  if (SHOTS !== undefined) await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
}

const scrollsSideways = (page: Page): Promise<boolean> =>
  page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth');

async function report(
  role: 'gateway' | 'sweeper' | 'projector',
  instance: string,
  body: object,
  heardAgoS = 1,
): Promise<void> {
  await database.direct.query(
    `INSERT INTO uplift_service.process_reports (role, instance, life, heard_at, report)
     VALUES ($1, $2, $2, now() - $4 * interval '1 second', $3)`,
    [role, instance, JSON.stringify(body), heardAgoS],
  );
}

const GATEWAY = { claims: 'redis', running: 12, oldestRunningMs: 40, crossed: 0, crossedAgoMs: null };

async function aGoodDay(): Promise<void> {
  const work = { agoMs: 42_000, taken: 3, decided: 2, sent: 1, failed: 0, givenUp: 0 };
  await report('sweeper', 'sweeper-az-a-1', { sweptAgoMs: 300, lastWork: work });
  await report('sweeper', 'sweeper-az-b-1', { sweptAgoMs: 450, lastWork: null });
  await report('projector', 'projector-az-a-1', { partitions: 24, stopped: 0, lagRecords: 2, lagMs: 140 });
  for (const zone of ['a', 'b', 'c'])
    await report('gateway', `gateway-az-${zone}-1`, { ...GATEWAY, notKept: 0, notKeptAgoMs: null });
  await database.direct.query(
    `INSERT INTO uplift_service.offsets (topic, topic_id, partition, next_offset, log_time_ms)
     SELECT 'reservations.events', 'id', n, 5, (extract(epoch from now()) * 1000)::bigint FROM generate_series(0, 23) n`,
  );
}

async function aBadDay(): Promise<void> {
  await aGoodDay();
  await report('gateway', 'gateway-az-d-1', {
    ...{ ...GATEWAY, claims: 'postgres', crossed: 2, crossedAgoMs: 3_600_000 },
    ...{ notKept: 1, notKeptAgoMs: 60_000 },
  });
  await report(
    'sweeper',
    '<b>"sweeper"&-az-c-1-with-a-name-that-is-rather-long-for-a-phone',
    { sweptAgoMs: 10, lastWork: null },
    70,
  );
  await database.direct.query(
    `UPDATE uplift_service.process_reports SET not_ready = 'kafka: no answer from kafka-az-b.platform.example.internal:19092'
     WHERE instance = 'sweeper-az-b-1'`,
  );
  for (const n of [1, 2, 3, 4, 5]) await keepUnknown(database.sql, someOutcome(n * 7_777_777_777));
  const set = (n: number, to: string) =>
    database.direct.query(`UPDATE uplift_service.unknown_outcomes SET ${to} WHERE event_id = $1`, [
      idOf(n * 7_777_777_777),
    ]);
  const later = `due_at = now() + interval '1 hour'`;
  await set(1, `attempts = 4, stored_at = now() - interval '70 s', ${later}`);
  await set(2, `appended_offset = 7, attempts = 1, ${later}`);
  await set(
    3,
    `attempts = 10, outcome = 'deadLettered', given_up_for = 'unknown-not-appended', settled_at = now()`,
  );
  await set(
    4,
    `attempts = 10, outcome = 'deadLettered', given_up_for = 'unknown-not-appended', settled_at = now(), not_after_ms = 0`,
  );
  await set(5, later);
  await database.direct.query(
    `INSERT INTO uplift_service.dead_letters (topic, topic_id, partition, event_offset, tenant, error_code, attempts,
       reservation_id, parked_at)
     SELECT 'e', 'id', 0, n, 't', CASE WHEN n < 1204 THEN 'schema-unknown' ELSE 'behind-a-dead-letter' END, 1,
       'r-' || n / 2, now() - interval '25 min' FROM generate_series(0, 1240) n`,
  );
}

describe('the dashboard', () => {
  test.each(['light', 'dark'] as const)(
    'on a phone, %s, fits its width on a bad day',
    async (colorScheme) => {
      await aBadDay();
      const page = await visit('/v1/reliability/dashboard?refresh=off', { ...PHONE, colorScheme });
      await shot(page, `dashboard-phone-${colorScheme}`);
      expect(await page.locator('.verdict').innerText()).toContain('Needs attention');
      expect(await scrollsSideways(page)).toBe(false);
      expect(await page.locator('section').count()).toBe(5);
      const ground = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
      // The policy let the style through: without it the page would be white in both schemes.
      expect(ground).toBe(colorScheme === 'light' ? 'rgb(251, 250, 247)' : 'rgb(21, 23, 26)');
      expect(await page.locator('b').count()).toBe(0);
    },
  );

  test('says on a good day that nothing needs attention, and on an empty database that it does not know', async () => {
    await aGoodDay();
    const good = await visit('/v1/reliability/dashboard?refresh=off');
    await shot(good, 'dashboard-good');
    expect(await good.locator('.verdict').innerText()).toContain('Nothing needs attention');
    await database.direct.query('TRUNCATE uplift_service.process_reports, uplift_service.offsets');
    // Answers are kept for a second.
    await expect
      .poll(
        async () => {
          await good.reload();
          return good.locator('.verdict').innerText();
        },
        { timeout: 10_000 },
      )
      .toContain('Not known');
    await shot(good, 'dashboard-empty');
    expect(await scrollsSideways(good)).toBe(false);
  });

  test('asks again by itself, until it is told to hold still', async () => {
    const page = await visit('/v1/reliability/dashboard');
    const toldAt = () => page.locator('header time').getAttribute('datetime');
    const before = await toldAt();
    await page.waitForURL('**/dashboard', { waitUntil: 'load' });
    await expect.poll(toldAt, { timeout: 20_000, interval: 500 }).not.toBe(before);
    await page.getByRole('link', { name: 'Hold still' }).click();
    expect(await page.locator('meta[http-equiv]').count()).toBe(0);
    await page.getByRole('link', { name: /Ask again every/ }).click();
    expect(await page.locator('meta[http-equiv]').count()).toBe(1);
  });
});

describe('a retry', () => {
  test.each([
    ['phone', PHONE],
    ['desk', DESK],
  ] as const)('on a %s goes from the dashboard to its result by hand', async (name, device) => {
    await aBadDay();
    const page = await visit('/v1/reliability/dashboard?refresh=off', device);
    await shot(page, `dashboard-${name}`);
    await page.getByRole('link', { name: /^Retry now/ }).click();
    await shot(page, `retry-${name}`);
    expect(await page.locator('.verdict').innerText()).toBe('Retry 4 operations?');
    expect(await page.locator('table').first().locator('tbody tr').count()).toBe(4);
    expect(await page.getByText('its time is over').count()).toBe(1);
    expect(await scrollsSideways(page)).toBe(false);
    await page.getByRole('button', { name: 'Retry 4 operations now' }).click();
    await shot(page, `result-${name}`);
    expect(await page.locator('.verdict').innerText()).toBe('4 operations due now');
    expect(await scrollsSideways(page)).toBe(false);
    const { rows } = await database.direct.query<{ n: bigint }>(
      `SELECT count(*) AS n FROM uplift_service.unknown_outcomes WHERE outcome = 'open' AND due_at <= now()`,
    );
    expect(rows[0]?.n).toBe(4n);
    await page.reload();
    expect(await page.getByText('nothing was done a second time').count()).toBe(1);
    await page.getByRole('link', { name: 'Back to the dashboard' }).click();
    expect(page.url()).toBe(`${base}/v1/reliability/dashboard`);
  });

  test('works with the keyboard alone', async () => {
    await aBadDay();
    const page = await visit('/v1/reliability/retry');
    const focused = () => page.evaluate<string>("document.activeElement?.textContent ?? ''");
    for (let tabs = 0; tabs < 10 && !(await focused()).startsWith('Retry 4'); tabs += 1)
      await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForLoadState();
    expect(await page.locator('.verdict').innerText()).toBe('4 operations due now');
  });

  test('of a page of somebody else is refused: their form gets no answer that did anything', async () => {
    await aBadDay();
    const { token } = retryPlanSchema.parse(await (await fetch(`${base}/v1/reliability/retry`)).json());
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto('data:text/html,<title>elsewhere</title>');
    await page.setContent(
      `<form method="post" action="${base}/v1/reliability/retry"><input name="token" value="${token}"><button>x</button></form>`,
    );
    const [response] = await Promise.all([page.waitForResponse(/retry/), page.click('button')]);
    expect(response.status()).toBe(403);
    await context.close();
    const { rows } = await database.direct.query(
      `SELECT 1 FROM uplift_service.unknown_outcomes WHERE outcome = 'deadLettered'`,
    );
    expect(rows).toHaveLength(2);
  });
});
