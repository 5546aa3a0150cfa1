import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcp } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type HttpClient, openHttp } from './http.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const item of open.splice(0)) await item.close();
});

async function serve(listener: RequestListener): Promise<{ url: string; server: Server }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({
    close: () => {
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

function client(options: Parameters<typeof openHttp>[0]): HttpClient {
  const http = openHttp(options);
  open.push(http);
  return http;
}

async function freePort(): Promise<number> {
  const server = createTcp();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

test('an answer carries status, headers and body, and the request its own', async () => {
  const { url } = await serve((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += String(chunk);
    });
    request.on('end', () => {
      response.writeHead(202, { location: '/v1/operations/1' });
      response.end(`${request.method} ${request.url} ${request.headers['x-tenant-id']} ${body}`);
    });
  });
  const http = client({ origins: [url], timeoutMs: 2_000 });
  const result = await http.request({
    origin: url,
    method: 'POST',
    path: '/v1/x',
    headers: { 'x-tenant-id': 't' },
    body: 'hé',
  });
  expect(result).toMatchObject({
    kind: 'answer',
    status: 202,
    body: 'POST /v1/x t hé',
    headers: { location: '/v1/operations/1' },
  });
});

test('a refused connection is notSent', async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const http = client({ origins: [url], timeoutMs: 2_000 });
  expect(await http.request({ origin: url, method: 'POST', path: '/' })).toMatchObject({
    kind: 'failed',
    failure: 'notSent',
    code: 'ECONNREFUSED',
  });
});

test('a reset after sending is unknown', async () => {
  const { url } = await serve((request) => {
    request.socket.resetAndDestroy();
  });
  const http = client({ origins: [url], timeoutMs: 2_000 });
  expect(await http.request({ origin: url, method: 'POST', path: '/', body: 'x' })).toMatchObject({
    kind: 'failed',
    failure: 'unknown',
  });
});

test('a reset in the middle of the answer is unknown, whatever its status said', async () => {
  const { url } = await serve((_request, response) => {
    response.writeHead(202, { 'content-length': '100' });
    response.write('{"half":');
    setTimeout(() => response.socket?.resetAndDestroy(), 20);
  });
  const http = client({ origins: [url], timeoutMs: 2_000 });
  expect(await http.request({ origin: url, method: 'POST', path: '/', body: 'x' })).toMatchObject({
    kind: 'failed',
    failure: 'unknown',
  });
});

test('no answer in time is unknown when the request was written', async () => {
  const { url } = await serve(() => undefined);
  const http = client({ origins: [url], timeoutMs: 100 });
  expect(await http.request({ origin: url, method: 'POST', path: '/', body: 'x' })).toMatchObject({
    failure: 'unknown',
    code: 'timeout',
  });
});

test('a request that never got a connection in time is notSent, and is not sent later', async () => {
  let received = 0;
  let release: (() => void) | undefined;
  const { url } = await serve((_request, response) => {
    received += 1;
    release = () => response.end('ok');
  });
  const http = client({ origins: [url], connections: 1, timeoutMs: 2_000 });
  const first = http.request({ origin: url, method: 'POST', path: '/', body: '1' });
  const second = await http.request({ origin: url, method: 'POST', path: '/', body: '2', timeoutMs: 80 });
  expect(second).toMatchObject({ failure: 'notSent', code: 'timeout' });
  release?.();
  expect(await first).toMatchObject({ kind: 'answer' });
  const third = http.request({ origin: url, method: 'POST', path: '/', body: '3' });
  while (received < 2) await new Promise((resolve) => setImmediate(resolve));
  release?.();
  expect(await third).toMatchObject({ kind: 'answer' });
  expect(received).toBe(2);
});

test('connections and waiting requests are bounded; what does not fit is notSent at once', async () => {
  let sockets = 0;
  const { url, server } = await serve((_request, response) => setTimeout(() => response.end('ok'), 50));
  server.on('connection', () => {
    sockets += 1;
  });
  const http = client({ origins: [url], connections: 3, maxWaiting: 5, timeoutMs: 2_000 });
  const results = await Promise.all(
    Array.from({ length: 10 }, () => http.request({ origin: url, method: 'GET', path: '/' })),
  );
  expect(results.filter((result) => result.kind === 'answer')).toHaveLength(8);
  expect(results.filter((result) => result.kind === 'failed')).toEqual(
    Array.from({ length: 2 }, () => expect.objectContaining({ failure: 'notSent', code: 'queue full' })),
  );
  expect(sockets).toBe(3);
});

test('an abort before the first byte is notSent, after it unknown', async () => {
  const { url } = await serve(() => undefined);
  const http = client({ origins: [url], connections: 1, timeoutMs: 2_000 });
  const abort = new AbortController();
  const sent = http.request({ origin: url, method: 'POST', path: '/', body: 'x', signal: abort.signal });
  const waiting = http.request({ origin: url, method: 'POST', path: '/', body: 'y', signal: abort.signal });
  setTimeout(() => abort.abort(), 50);
  expect(await sent).toMatchObject({ failure: 'unknown', code: 'aborted' });
  expect(await waiting).toMatchObject({ failure: 'notSent', code: 'aborted' });
  expect(await http.request({ origin: url, method: 'GET', path: '/', signal: abort.signal })).toMatchObject({
    failure: 'notSent',
  });
});

test('a body beyond the limit is not taken into memory', async () => {
  const { url } = await serve((_request, response) => response.end('x'.repeat(100_000)));
  const http = client({ origins: [url], timeoutMs: 2_000, maxBodyBytes: 1_000 });
  expect(await http.request({ origin: url, method: 'GET', path: '/' })).toMatchObject({
    failure: 'unknown',
    code: 'body too large',
  });
});

test('many requests that fail at once do not block those after them', async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const http = client({ origins: [url], connections: 2, timeoutMs: 5_000 });
  const results = await Promise.all(
    Array.from({ length: 500 }, () => http.request({ origin: url, method: 'GET', path: '/' })),
  );
  expect(new Set(results.map((result) => (result.kind === 'failed' ? result.failure : 'answer')))).toEqual(
    new Set(['notSent']),
  );
});

test('close ends what is under way', async () => {
  const { url } = await serve(() => undefined);
  const http = openHttp({ origins: [url], timeoutMs: 5_000 });
  const sent = http.request({ origin: url, method: 'POST', path: '/', body: 'x' });
  await new Promise((resolve) => setTimeout(resolve, 50));
  await http.close();
  expect(await sent).toMatchObject({ kind: 'failed', failure: 'unknown' });
});

test('an origin it was not opened with is refused', () => {
  const http = client({ origins: ['http://127.0.0.1:1'], timeoutMs: 100 });
  expect(() => http.request({ origin: 'http://127.0.0.1:2', method: 'GET', path: '/' })).toThrow(
    'not an origin',
  );
});
