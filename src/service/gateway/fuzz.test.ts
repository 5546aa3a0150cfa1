import fc from 'fast-check';
import type { Response } from 'light-my-request';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { PROBLEMS, problemSchema } from '../../contract/http.ts';
import { reservationIdOf } from '../../contract/ids.ts';
import { encodeToken } from '../../contract/token.ts';
import { encodeCursor } from './cursor.ts';
import { openApiDocument, pathOf } from './openapi.ts';
import { ROUTE_DOCS, type RouteDoc } from './route-docs.ts';
import { setUp, TOPIC_ID } from './testing/gateway.ts';
import { type FakeDecision, rowsFor } from './testing/projection.ts';

type Json = Record<string, unknown>;

const rejected = (...reasons: string[]): FakeDecision[] =>
  [...reasons, 'not known here'].map((reason) => ({ decision: 'rejected', reason }));
/** Often accepted: a run in which nothing gets through by chance would look like an error. */
const ALWAYS: readonly FakeDecision[] = [
  ...Array.from({ length: 4 }, () => ({ decision: 'accepted' })),
  { decision: 'expired', reason: 'expired' },
];
/** How the fold ends what a route asks for. */
const ENDS: Readonly<Record<string, readonly FakeDecision[]>> = {
  'post /v1/reservations': [...ALWAYS, ...rejected('full', 'past', 'too-large', 'hold-too-long', 'id-taken')],
  'post /v1/reservations/:id/confirm': [...ALWAYS, ...rejected('not-found', 'not-held', 'hold-ended')],
  'patch /v1/reservations/:id': [
    ...ALWAYS,
    ...rejected('not-found', 'full', 'past', 'too-large', 'hold-ended'),
  ],
  'delete /v1/reservations/:id': [...ALWAYS, ...rejected('not-found')],
};
const nameOf = ({ method, url }: RouteDoc): string => `${method} ${url}`;

let gateway: ReturnType<typeof setUp>;
let asking: RouteDoc;
beforeAll(() => {
  gateway = setUp();
  gateway.control.query = (text, values) => {
    if (!/ [or]\.tenant = \$1 | USING \(tenant, event_id\)/.test(text))
      throw new Error(`of any tenant: ${text}`);
    // What Postgres refuses is no 500 but looks as if it were away.
    if (values.some((value) => /:\d\d\.\d{10,}Z/.test(String(value)))) throw new Error('no time of Postgres');
    const ends = ENDS[nameOf(asking)] ?? ALWAYS;
    return rowsFor(text, values, (id) => ends[Number.parseInt(id.slice(0, 6), 16) % ends.length]);
  };
});
afterAll(() => gateway.app.close());

const SLOT = { start: '2026-06-01T10:00:00Z', end: '2026-06-01T11:00:00Z' };
const ID = reservationIdOf(7n, 'acme/room-1');
const TENANTS = ['acme', 'other'];

/** Mostly what is right, else anything. */
const or = <T>(right: fc.Arbitrary<T>, wrong: fc.Arbitrary<T>) =>
  fc.oneof({ arbitrary: right, weight: 12 }, { arbitrary: wrong, weight: 1 });
const anyText = fc.oneof(fc.string({ maxLength: 90 }), fc.string({ unit: 'binary', maxLength: 30 }));
/** What a parser of HTTP lets through in a field. */
const field = fc.string({ unit: fc.integer({ min: 32, max: 255 }).map((code) => String.fromCharCode(code)) });
const segment = anyText.filter((text) => !/^\.{0,2}$/.test(text) && isText(text));
const ids = or(fc.constantFrom(ID, ID, ID, 'a'.repeat(32)), segment);
const tokens = or(
  fc
    .record({
      region: fc.constantFrom('local', 'x'),
      topicId: fc.constantFrom(TOPIC_ID, 'x'),
      partition: fc.integer({ min: -1, max: 30 }),
      commandOffset: fc.bigInt({ min: 0n, max: 20n }),
    })
    .map(encodeToken),
  fc.oneof(
    field,
    fc.json().map((text) => Buffer.from(text).toString('base64url')),
  ),
);
/** Times as they are written, and as they could be: finer than any clock, or endless. */
const times = or(
  fc.constantFrom(SLOT.start, SLOT.end),
  fc
    .tuple(fc.constantFrom('2026-06-01T10:00:00', '9998-12-31T23:59:59'), fc.integer({ min: 1, max: 400 }))
    .map(([time, digits]) => `${time}.${'9'.repeat(digits)}Z`),
);
const positions = fc.oneof(
  fc.tuple(fc.constant('0000000000001-12345678')),
  fc.tuple(times, fc.constant('0000000000001-12345678')),
  fc.array(fc.oneof(segment, times)),
);
const EVER = ['1970-01-01T00:00:00Z', 'infinity'];
const cursors = or(
  fc
    .tuple(
      fc.constantFrom(...TENANTS),
      fc.constantFrom(['tenant'], ['resource', 'room-1', ...EVER], ['resource', ID, ...EVER]),
      positions,
    )
    .map(([tenant, list, position]) => encodeCursor([tenant, ...list], position)),
  segment,
);
const slots = or(
  fc.constant(SLOT),
  fc.oneof(fc.record({ start: times, end: times }), fc.anything() as fc.Arbitrary<typeof SLOT>),
);
const change = {
  slot: slots,
  quantity: or<unknown>(fc.integer({ min: 1, max: 1000 }), fc.jsonValue()),
};
const creation = {
  ...change,
  resource: or<unknown>(fc.constant('room-1'), fc.jsonValue()),
  hold: or<unknown>(fc.boolean(), fc.jsonValue()),
  holdSeconds: or<unknown>(fc.integer({ min: 1, max: 900 }), fc.jsonValue()),
};
const bodies = or(
  fc
    .oneof(fc.record(change), fc.record(creation, { requiredKeys: ['resource', 'slot', 'quantity'] }))
    .map(stringify),
  fc.oneof(fc.anything().map(stringify), fc.json(), anyText, fc.constant('{"__proto__":{"x":1}}')),
);
const optional = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
const mostly = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined, freq: 20 });
const requests = fc.record({
  name: fc.constantFrom(...ROUTE_DOCS.map(nameOf)),
  id: ids,
  tenant: mostly(or(fc.constantFrom(...TENANTS), field)),
  key: mostly(
    or(
      fc.oneof(
        fc.uuid(),
        fc.uuid().map((key) => `"${key}"`),
      ),
      field,
    ),
  ),
  prefer: fc.option(or(fc.constant('wait=1'), field), { nil: undefined, freq: 4 }),
  token: optional(tokens),
  trace: optional(or(fc.constant(`00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`), field)),
  type: or<string | undefined>(
    fc.constant('application/json'),
    fc.constantFrom(
      undefined,
      'application/json',
      'application/json; charset=utf-8',
      'text/plain',
      'application/xml',
      'x',
    ),
  ),
  body: mostly(bodies),
  query: fc.record({
    cursor: optional(cursors),
    limit: optional(or(fc.integer({ min: 1, max: 100 }).map(String), segment)),
    from: optional(or(times, segment)),
    to: optional(or(times, segment)),
  }),
});
type Request = typeof requests extends fc.Arbitrary<infer R> ? R : never;

function routeOf(name: string): RouteDoc {
  const route = ROUTE_DOCS.find((each) => nameOf(each) === name);
  if (route === undefined) throw new Error(name);
  return route;
}

function send(route: RouteDoc, { id, query, body, ...headers }: Request): Promise<Response> {
  const url = route.url.replace(/:\w+/, encodeURIComponent(id));
  const asked = Object.entries(query).filter(([, value]) => value !== undefined) as [string, string][];
  const fields = {
    'x-tenant-id': headers.tenant,
    'idempotency-key': headers.key,
    prefer: headers.prefer,
    'x-consistency-token': headers.token,
    traceparent: headers.trace,
    'content-type': headers.type,
  };
  return gateway.app.inject({
    method: route.method.toUpperCase() as 'GET',
    url: `${url}?${new URLSearchParams(asked)}`,
    headers: Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Record<
      string,
      string
    >,
    ...(route.method === 'get' || body === undefined ? {} : { payload: body }),
  });
}

describe('whatever is sent', () => {
  test('is answered as the document says, never with 500, and never with what is another tenant’s', async () => {
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(requests, async (request) => {
        asking = routeOf(request.name);
        const response = await send(asking, request);
        const { statusCode } = response;
        expect(statusCode).not.toBe(500);
        const answer = documented(asking, response);
        expect(answer.safeParse(response.json()).error).toBeUndefined();
        for (const [, tenant] of response.body.matchAll(/"tenant":"([^"]*)"/g))
          expect(tenant).toBe(request.tenant);
        const what = `${asking.method} ${statusCode}`;
        seen.set(what, (seen.get(what) ?? 0) + 1);
      }),
      { numRuns: 4000 },
    );
    // The requests are not all refused for the same reason: what is right gets through, too.
    for (const what of ['post 201', 'post 202', 'post 400', 'patch 200', 'delete 200', 'get 200', 'get 412'])
      expect([what, seen.get(what) ?? 0]).not.toEqual([what, 0]);
  }, 120_000);

  test('paths that nobody can read are problems, too', async () => {
    const paths = fc.array(
      fc.oneof(
        fc.constantFrom(
          'v1',
          'reservations',
          'resources',
          'operations',
          '%',
          '%ZZ',
          '%ff',
          '%00',
          '..',
          ID,
          '*',
        ),
        fc.string({ unit: fc.integer({ min: 33, max: 126 }).map((code) => String.fromCharCode(code)) }),
        fc.constant('a'.repeat(600)),
      ),
      { maxLength: 6 },
    );
    const methods = fc.constantFrom('GET', 'POST', 'PATCH', 'DELETE', 'PUT', 'OPTIONS', 'HEAD' as const);
    await fc.assert(
      fc.asyncProperty(paths, methods, async (path, method) => {
        const url = `/${path.join('/')}`;
        fc.pre(URL.canParse(url, 'http://localhost'));
        const headers = { 'x-tenant-id': 'acme', 'idempotency-key': 'key' };
        const response = await gateway.app.inject({
          method: method as 'GET',
          url,
          headers,
        });
        expect(response.statusCode).not.toBe(500);
        if (response.statusCode < 400 || method === 'HEAD') return;
        expect(problemSchema.parse(response.json()).status).toBe(response.statusCode);
      }),
      { numRuns: 2000 },
    );
  }, 60_000);

  test('that is too large is 413, by whatever it is called', async () => {
    for (const route of ROUTE_DOCS.filter(({ method }) => method !== 'get')) {
      const response = await gateway.app.inject({
        method: route.method.toUpperCase() as 'POST',
        url: route.url.replace(':id', ID),
        headers: { 'x-tenant-id': 'acme', 'idempotency-key': 'big', 'content-type': 'application/json' },
        payload: JSON.stringify({ resource: 'x'.repeat(17_000) }),
      });
      expect([response.statusCode, response.json().type]).toEqual([413, PROBLEMS.invalid]);
    }
  });
});

const schemas = new Map<string, z.ZodType>();

/** The schema that the document has for this answer, read back from the document. */
function documented(route: RouteDoc, response: Response): z.ZodType {
  const status = response.statusCode;
  const type = String(response.headers['content-type']).split(';')[0] ?? '';
  const key = `${route.method} ${route.url} ${status} ${type}`;
  const known = schemas.get(key) ?? readBack(route, status, type);
  if (known === undefined) throw new Error(`not documented: ${key}: ${response.body}`);
  schemas.set(key, known);
  return known;
}

const DOCUMENT = openApiDocument() as {
  paths: Record<
    string,
    Record<string, { responses: Record<string, { content: Record<string, { schema: Json }> }> }>
  >;
  components: { schemas: Record<string, Json> };
};

function readBack(route: RouteDoc, status: number, type: string): z.ZodType | undefined {
  const answer = DOCUMENT.paths[pathOf(route)]?.[route.method]?.responses[status]?.content[type];
  return answer && z.fromJSONSchema(resolved(answer.schema) as Parameters<typeof z.fromJSONSchema>[0]);
}

/** References replaced by what they name. */
function resolved(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(resolved);
  if (typeof value !== 'object' || value === null) return value;
  const { $ref } = value as { $ref?: string };
  if ($ref !== undefined) return resolved(DOCUMENT.components.schemas[$ref.split('/').at(-1) ?? '']);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, resolved(each)]));
}

function stringify(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'undefined';
  } catch {
    return '{';
  }
}

/** Half a pair of surrogates cannot be written into a URL. */
function isText(text: string): boolean {
  return text.isWellFormed();
}
