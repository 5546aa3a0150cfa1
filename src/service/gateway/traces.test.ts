import type { Logger } from 'pino';
import { describe, expect, test } from 'vitest';
import { eventIdOf } from '../../contract/ids.ts';
import { UpliftError } from '../../core/error.ts';
import { keptLog } from '../runtime/testing/kept-log.ts';
import { tracingOf } from '../telemetry/spans.ts';
import { MemoryRecorder } from '../telemetry/testing/recorder.ts';
import { parseTraceparent } from '../telemetry/traceparent.ts';
import { setUp } from './testing/gateway.ts';

const CALLER = { traceId: '1'.repeat(32), spanId: '2'.repeat(16) };
const header = (flags: string) => ({ traceparent: `00-${CALLER.traceId}-${CALLER.spanId}-${flags}` });
const POST = 'POST /v1/reservations';
const SEND = 'send reservations.commands';
const OPERATION = eventIdOf('acme', 'key-1');

function traced({
  ratio = 0,
  trustsCallers = true,
  log,
}: {
  ratio?: number;
  trustsCallers?: boolean;
  log?: Logger;
} = {}) {
  const recorder = new MemoryRecorder();
  const tracing = tracingOf(recorder, { parentBased: true, ratio });
  const gateway = setUp(undefined, { tracing, trustsCallers, ...(log === undefined ? {} : { log }) });
  const written = (): string | undefined => gateway.log[0]?.record.headers[3]?.[1]?.toString();
  return { ...gateway, recorder, written };
}

describe('the trace of a request', () => {
  test('that the caller records goes on: the request below it, sending below that, and the record carries the sending', async () => {
    const { post, recorder, written } = traced();
    await post({ headers: header('01') });
    expect(recorder.tree()).toEqual([
      `${POST} below ${CALLER.spanId}: ended`,
      `${SEND} below ${POST}: ended`,
    ]);
    const [request, sending] = recorder.spans;
    expect(recorder.spans.map(({ traceId }) => traceId)).toEqual([CALLER.traceId, CALLER.traceId]);
    expect(parseTraceparent(written())).toEqual({
      traceId: CALLER.traceId,
      spanId: sending?.spanId,
      sampled: true,
    });
    expect(request?.attributes).toEqual({
      'http.request.method': 'POST',
      'http.route': '/v1/reservations',
      'http.response.status_code': 202,
      'url.scheme': 'http',
    });
    expect(sending?.attributes).toMatchObject({
      'messaging.system': 'kafka',
      'messaging.destination.name': 'reservations.commands',
      'messaging.kafka.offset': 0,
      'uplift.tenant': 'acme',
      'uplift.operation': OPERATION,
    });
  });

  test('that the caller does not record is passed on and costs no span', async () => {
    const { post, recorder, written } = traced({ ratio: 1 });
    await post({ headers: header('00') });
    expect(recorder.spans).toEqual([]);
    expect(written()).toBe(header('00').traceparent);
  });

  test.each([
    ['malformed', { traceparent: 'ff-nonsense' }, true],
    ['of zeros', { traceparent: `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01` }, true],
    ['not believed', header('01'), false],
    ['missing', {}, true],
  ])('whose header is %s is a new one, by the id of its operation', async (_, headers, trustsCallers) => {
    for (const ratio of [0, 1]) {
      const { post, recorder, written } = traced({ ratio, trustsCallers });
      expect((await post({ headers: headers as Record<string, string> })).statusCode).toBe(202);
      expect(parseTraceparent(written())).toMatchObject({ traceId: OPERATION, sampled: ratio === 1 });
      expect(recorder.spans.map(({ traceId }) => traceId)).toEqual(ratio === 1 ? [OPERATION, OPERATION] : []);
      expect(recorder.spans[0]?.plan.parent).toBeUndefined();
    }
  });

  test('is decided once: of requests not recorded by the id of their operation, none is recorded when it is answered', async () => {
    const { app, post, recorder, log } = traced({ ratio: 0.5 });
    for (let n = 0; n < 60; n += 1) await post({ headers: { 'idempotency-key': `half-${n}` } });
    await app.close();
    const recorded = log.filter(
      ({ record }) => parseTraceparent(record.headers[3]?.[1]?.toString())?.sampled,
    );
    expect(recorded.length).toBeGreaterThan(5);
    expect(recorded.length).toBeLessThan(55);
    expect(recorder.spans).toHaveLength(2 * recorded.length);
  });

  test('whose sending has no known outcome fails in both spans; what is kept for the sweeper carries the trace', async () => {
    const { post, recorder, control, kept } = traced();
    control.appendError = new UpliftError('UPL-KAFKA-PRODUCE', { message: 'deadline' });
    expect((await post({ headers: header('01') })).statusCode).toBe(503);
    expect(recorder.tree()).toEqual([
      `${POST} below ${CALLER.spanId}: 503`,
      `${SEND} below ${POST}: UPL-KAFKA-PRODUCE`,
    ]);
    const carried = kept[0]?.record.headers[3]?.[1]?.toString();
    expect(parseTraceparent(carried)).toMatchObject({
      traceId: CALLER.traceId,
      spanId: recorder.spans[1]?.spanId,
    });
  });

  test('that sends nothing has the span of the request alone, and the caller’s mistakes do not fail it', async () => {
    const { app, post, recorder } = traced();
    await post({ headers: { ...header('01'), 'idempotency-key': '' } });
    await app.inject({
      url: `/v1/operations/${OPERATION}`,
      headers: { ...header('01'), 'x-tenant-id': 'acme' },
    });
    await app.inject({ url: '/healthz', headers: header('01') });
    await app.inject({ url: '/nowhere', headers: header('01') });
    expect(recorder.tree()).toEqual([
      `${POST} below ${CALLER.spanId}: ended`,
      `GET /v1/operations/:id below ${CALLER.spanId}: ended`,
    ]);
    expect(recorder.spans.map(({ attributes }) => attributes['http.response.status_code'])).toEqual([
      400, 404,
    ]);
  });
});

describe('the log of a gateway', () => {
  test('names trace and tenant of every request, and never what was asked for', async () => {
    const { log, lines } = keptLog('trace');
    const { app, post, control } = traced({ log, ratio: 1 });
    const planted = {
      resource: 'planted-resource',
      slot: { start: '2031-07-09T10:00:00Z', end: '2031-07-09T11:00:00Z' },
      quantity: 937,
    };
    await post({ payload: planted });
    control.appendError = new UpliftError('UPL-KAFKA-PRODUCE', { message: 'deadline' });
    await post({ payload: planted, headers: { 'idempotency-key': 'key-2' } });
    control.appendError = new UpliftError('UPL-KAFKA-OVERLOADED', { message: 'full' });
    await post({ payload: planted, headers: { 'idempotency-key': 'key-3', ...header('00') } });
    control.query = () => {
      throw new SyntaxError('Unexpected "planted-resource" 937 2031-07-09');
    };
    const asked = { url: '/v1/resources/planted-resource/reservations', headers: { 'x-tenant-id': 'acme' } };
    await app.inject(asked);
    control.query = () => {
      throw new UpliftError('UPL-POSTGRES-QUERY', { message: 'invalid input: "planted-resource"' });
    };
    await app.inject(asked);
    control.postgresAway = true;
    await app.inject(asked);
    const all = lines.join('');
    for (const secret of [/planted/, /\b937\b/, /2031-07/]) expect(all).not.toMatch(secret);
    const said = lines.map((line) => JSON.parse(line) as { msg: string; trace?: string; tenant?: string });
    expect(new Set(said.map(({ tenant }) => tenant))).toEqual(new Set(['acme']));
    const answered = said.filter(({ msg }) => msg === 'answered');
    expect(answered.map(({ trace }) => trace).slice(0, 3)).toEqual([
      OPERATION,
      eventIdOf('acme', 'key-2'),
      CALLER.traceId,
    ]);
    expect(said.find(({ msg }) => msg === 'outcome unknown')).toMatchObject({
      trace: eventIdOf('acme', 'key-2'),
    });
  });
});
