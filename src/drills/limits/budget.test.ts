import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type HttpClient, type HttpResult, openHttp } from '../../clients/http/index.ts';
import { askBudget, type BudgetAnswer, readBudget } from './budget.ts';

const answer = (data: unknown, status = 200): HttpResult => ({
  ...{ kind: 'answer', status, headers: {} },
  body: JSON.stringify({ status: 'success', data }),
});
const scalar = (value: string): HttpResult => answer({ resultType: 'scalar', result: [1.5, value] });
const vector = (...values: readonly string[]): HttpResult =>
  answer({ resultType: 'vector', result: values.map((value) => ({ metric: {}, value: [1.5, value] })) });

describe('what a Prometheus answers', () => {
  it('is a share where it is one number', () => {
    for (const [read, share] of [
      [scalar('0.42'), 0.42],
      [vector('1'), 1],
      [vector('-0.3'), -0.3],
      [vector('0'), 0],
    ] as const)
      expect(readBudget(read)).toEqual({ kind: 'share', share });
  });

  it.each([
    ['nothing', vector(), 'the query gave no sample'],
    ['two series', vector('0.4', '0.9'), 'the query gave 2 samples; one is needed'],
    ['no number', scalar('NaN'), 'the query gave NaN'],
    ['an endless one', scalar('+Inf'), 'the query gave +Inf'],
    ['an empty one', scalar(' '), 'the query gave  '],
    ['per cent', scalar('42'), 'the query gave 42: a share is at most 1'],
    [
      'a matrix',
      answer({ resultType: 'matrix', result: [] }),
      'the answer is no scalar and no vector of Prometheus',
    ],
    ['a page', { ...answer(null), body: '<html>' }, 'the answer is no scalar and no vector of Prometheus'],
    ['elsewhere', { ...answer(null, 302), body: '' }, 'status 302'],
    ['a number with a bad status', { ...scalar('0.9'), status: 500 } as HttpResult, 'status 500'],
    [
      'an error',
      { ...answer(null, 400), body: '{"status":"error","errorType":"bad_data","error":"parse error"}' },
      'Prometheus answered: parse error',
    ],
    [
      'none',
      { kind: 'failed', failure: 'unknown', code: 'timeout', reason: 'no answer within 5 ms' },
      'no answer within 5 ms',
    ],
  ] as const)('is no data where it is %s', (_, read, why) => {
    expect(readBudget(read as HttpResult)).toEqual({ kind: 'noData', why });
  });

  it('whatever it is: it is a share only as a finite number up to 1', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double().map(String)), (text) => {
        const read = readBudget(scalar(text));
        const isShare = text.trim() !== '' && Number.isFinite(Number(text)) && Number(text) <= 1;
        expect(read.kind).toBe(isShare ? 'share' : 'noData');
      }),
    );
  });
});

describe('a Prometheus that is asked', () => {
  let server: Server;
  let http: HttpClient;
  let url = '';
  let respond: (request: IncomingMessage, response: ServerResponse) => void;

  beforeEach(async () => {
    server = createServer((request, response) => respond(request, response)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/prometheus/`;
    http = openHttp({ origins: [url], connections: 1, timeoutMs: 500, maxBodyBytes: 1000 });
  });
  afterEach(async () => {
    await http.close();
    server.closeAllConnections();
    server.close();
  });

  const ask = (token?: string): Promise<BudgetAnswer> =>
    askBudget(http, { url, query: 'sum(left) > 0', token, timeoutMs: 500 });

  it('is asked once, behind its path, with the token', async () => {
    const seen: unknown[] = [];
    respond = ({ method, url: path, headers }, response) => {
      seen.push([method, path, headers.authorization]);
      response.end('{"status":"success","data":{"resultType":"scalar","result":[1,"0.5"]}}');
    };
    expect(await ask('hunter2')).toEqual({ kind: 'share', share: 0.5 });
    const path = '/prometheus/api/v1/query?query=sum%28left%29+%3E+0&timeout=500ms';
    expect(seen).toEqual([['GET', path, 'Bearer hunter2']]);
  });

  it('is no data when it is silent, sends elsewhere, says too much or is away', async () => {
    respond = () => undefined;
    expect(await ask()).toMatchObject({ kind: 'noData', why: 'no answer within 500 ms' });
    respond = (_, response) => response.writeHead(302, { location: url }).end();
    expect(await ask('hunter2')).toEqual({ kind: 'noData', why: 'status 302' });
    respond = (_, response) => response.end(' '.repeat(2000));
    expect(await ask()).toMatchObject({ kind: 'noData' });
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
    expect(await ask()).toMatchObject({ kind: 'noData' });
  });
});
