import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Sql, SqlValue } from '../../clients/postgres/index.ts';
import { reliabilityStatusSchema, retryPlanSchema, retryResultSchema } from '../../contract/reliability.ts';
import { UpliftError } from '../../core/error.ts';
import { parseEnv } from '../env.ts';
import { openApiDocument, pathOf } from '../gateway/openapi.ts';
import { setUp as setUpGateway } from '../gateway/testing/gateway.ts';
import { createHttp } from '../runtime/http.ts';
import { createMetrics } from '../runtime/metrics.ts';
import { addReliability } from './index.ts';
import { PATHS } from './page.ts';
import { RELIABILITY_ROUTES } from './route-docs.ts';
import { addReliabilityRoutes } from './routes.ts';
import { idOf } from './testing/facts.ts';

const NOW_MS = Date.UTC(2026, 5, 1);
const HOST = '127.0.0.1:8083';
const HTML = { accept: 'text/html,application/xhtml+xml', host: HOST };

let away: boolean;
let isDue: boolean;
let updates: (readonly SqlValue[])[];
let app: FastifyInstance;

/** Postgres with one unknown outcome that can be sent again, or away. */
const sql: Sql = {
  query: async <R extends object>(text: string, values: readonly SqlValue[] = []) => {
    if (away) throw new UpliftError('UPL-POSTGRES-UNREACHABLE', { message: 'Postgres is away' });
    const rows = rowsOf(text, values);
    return { rows: rows as R[], rowCount: rows.length };
  },
  transaction: async () => ({ state: 'unknown', reason: 'not used' }),
  close: async () => undefined,
};

function rowsOf(text: string, values: readonly SqlValue[]): object[] {
  const entry = {
    tenant: 'acme',
    event_id: idOf(7),
    entry: 1n,
    outcome: 'open',
    in_log: false,
    is_due: isDue,
  };
  const rest = { attempts: 2, not_after_ms: BigInt(NOW_MS + 60_000), given_up_for: null, decided: false };
  if (text.includes('UPDATE')) {
    updates.push(values);
    const mine = !isDue;
    isDue = true;
    return mine ? [{ tenant: 'acme', event_id: idOf(7) }] : [];
  }
  return text.includes('AS is_due') ? [{ ...entry, ...rest, now_ms: BigInt(NOW_MS) }] : [];
}

beforeEach(async () => {
  away = false;
  isDue = false;
  updates = [];
  const settings = parseEnv({ OPERATOR_HOSTS: 'ops.example' });
  const metrics = createMetrics();
  app = createHttp({ role: 'sweeper', settings, metrics, probes: () => [], draining: () => false });
  await addReliability(app, { sql, settings, metrics });
});

afterEach(() => app.close());

const get = (url: string, headers: Record<string, string> = { host: HOST }) => app.inject({ url, headers });
const post = (payload: object | string, headers: Record<string, string> = {}) =>
  app.inject({ method: 'POST', url: PATHS.retry, headers: { host: HOST, ...headers }, payload });
const planned = async () => retryPlanSchema.parse((await get(PATHS.retry)).json());

describe('the status', () => {
  test('is 200 and unknown, with the reason at each fact, while Postgres is away', async () => {
    away = true;
    const response = await get(PATHS.status);
    expect([response.statusCode, response.headers['cache-control']]).toEqual([200, 'no-store']);
    const status = reliabilityStatusSchema.parse(response.json());
    expect(status.verdict).toBe('unknown');
    expect(status.reasons).toHaveLength(5);
    expect(status.unknownOutcomes).toMatchObject({
      state: 'unknown',
      reason: expect.stringContaining('away'),
    });
    const page = await get(PATHS.dashboard, HTML);
    expect([page.statusCode, page.body.match(/Not known: Postgres is away/g)?.length]).toEqual([200, 5]);
  });

  test('shows as NaN in the metrics what is not known, never as 0', async () => {
    away = true;
    const { body } = await get('/metrics');
    expect(body).toContain('uplift_reliability_parked Nan');
    expect(body).toContain('uplift_reliability_verdict{about="sweeper"} Nan');
    expect(body).not.toMatch(/uplift_reliability_\w+(\{.*\})? \d/);
  });
});

describe('the pages', () => {
  test('come with a policy under which nothing is loaded, run or framed', async () => {
    const { headers } = await get(PATHS.dashboard, HTML);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-/);
    expect(headers['content-security-policy']).not.toContain('unsafe');
    expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
    expect(headers['x-content-type-options']).toBe('nosniff');
  });
});

describe('a retry', () => {
  test('is done once its token comes back, and its answer is given again', async () => {
    const plan = await planned();
    expect(plan.retries).toEqual([{ operationId: idOf(7), does: 'sendAgain', attempts: 2 }]);
    expect(updates).toEqual([]);
    const [first, second] = [await post({ token: plan.token }), await post({ token: plan.token })];
    const result = retryResultSchema.parse(first.json());
    expect(result.due).toEqual([{ operationId: idOf(7), does: 'sendAgain' }]);
    expect(second.json()).toEqual(result);
    expect(updates).toHaveLength(1);
  });

  test('goes through pages: what will be done, then what was done', async () => {
    const page = await get(PATHS.retry, HTML);
    expect(page.body).toContain('Retry 1 operation?');
    expect(page.body).toContain('No sweeper works');
    const [, token = ''] = /name="token" value="([0-9a-f]{32})"/.exec(page.body) ?? [];
    const form = { ...HTML, 'content-type': 'application/x-www-form-urlencoded', origin: `http://${HOST}` };
    const done = await post(`token=${token}`, form);
    expect([done.statusCode, done.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(done.body).toContain('1 operation due now');
    expect((await post(`token=${token}`, form)).body).toContain('nothing was done a second time');
  });

  test('that somebody else overtook says so of each operation', async () => {
    const plan = await planned();
    isDue = true;
    const result = retryResultSchema.parse((await post({ token: plan.token })).json());
    expect(result).toMatchObject({ due: [], refused: [{ reason: expect.stringContaining('due already') }] });
  });

  test('without a token, or with one that nobody gave, does nothing', async () => {
    expect((await post({})).statusCode).toBe(400);
    expect((await post({ token: 'x' })).statusCode).toBe(400);
    expect((await post({ token: 'a'.repeat(32) })).statusCode).toBe(404);
    const page = await post({ token: 'a'.repeat(32) }, HTML);
    expect([page.statusCode, page.body.includes('Look again')]).toEqual([404, true]);
    expect((await get(`${PATHS.retry}?operation=drop`)).statusCode).toBe(400);
    expect(updates).toEqual([]);
  });

  test('of which nobody knows whether it was done can be confirmed again', async () => {
    const plan = await planned();
    away = true;
    expect((await post({ token: plan.token })).statusCode).toBe(503);
    away = false;
    expect((await post({ token: plan.token })).statusCode).toBe(200);
  });

  test('is refused to a page of somebody else, by every header that gives it away', async () => {
    const { token } = await planned();
    const foreign = [
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', origin: `http://${HOST}` },
    ];
    for (const headers of foreign) expect((await post({ token }, headers)).statusCode).toBe(403);
    const rebound = {
      host: 'evil.example:8083',
      origin: 'http://evil.example:8083',
      'sec-fetch-site': 'same-origin',
    };
    expect((await post({ token }, rebound)).statusCode).toBe(421);
    expect((await get(PATHS.status, { host: 'evil.example' })).statusCode).toBe(421);
    expect((await get(PATHS.status, { host: 'ops.example' })).statusCode).toBe(200);
    expect(updates).toEqual([]);
  });
});

describe('the routes for operators', () => {
  test('are described, all of them and none besides', async () => {
    const bare = Fastify({ exposeHeadRoutes: false });
    const routes: string[] = [];
    bare.addHook('onRoute', ({ method, url }) => {
      routes.push(`${String(method).toLowerCase()} ${url}`);
    });
    await addReliabilityRoutes(bare, {} as Parameters<typeof addReliabilityRoutes>[1]);
    expect(routes.sort()).toEqual(RELIABILITY_ROUTES.map(({ method, url }) => `${method} ${url}`).sort());
    const document = (await get('/openapi.json')).json();
    expect(Object.keys(document.paths).sort()).toEqual([...new Set(RELIABILITY_ROUTES.map(pathOf))].sort());
    expect((await get('/docs')).body).toContain(PATHS.dashboard);
  });

  test('do not exist on the gateway, which tenants reach', async () => {
    const { app: gateway } = setUpGateway();
    for (const url of Object.values(PATHS))
      expect((await gateway.inject({ url, headers: { 'x-tenant-id': 'acme' } })).statusCode).toBe(404);
    expect(JSON.stringify(openApiDocument())).not.toContain('reliability');
    await gateway.close();
  });
});
