import { type Dispatcher, Pool } from 'undici';
import { reasonOf, UpliftError } from '../../core/error.ts';
import { type Lane, type Leave, openLane } from './lane.ts';

export interface HttpOptions {
  /** Base URLs; one pool of keep-alive connections for each origin. */
  readonly origins: readonly string[];
  /** Connections per origin, hence requests on the wire at once. */
  readonly connections?: number;
  /** For the whole request, waiting for a connection included. */
  readonly timeoutMs: number;
  readonly connectTimeoutMs?: number;
  /** Requests per origin that may wait for a connection; beyond it a request fails as `notSent`. */
  readonly maxWaiting?: number;
  readonly maxBodyBytes?: number;
}

export interface HttpRequest {
  /** One of the origins the client was opened with (a base URL is accepted too). */
  readonly origin: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly kind: 'answer';
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/**
 * `notSent`: not one byte of the request was written, so it certainly had no effect.
 * `unknown`: it was, and no whole answer came back; it may have had its effect.
 */
export interface HttpFailure {
  readonly kind: 'failed';
  readonly failure: 'notSent' | 'unknown';
  /** Short and stable enough to count by: `timeout`, `ECONNREFUSED`, `UND_ERR_SOCKET`. */
  readonly code: string;
  readonly reason: string;
}

export type HttpResult = HttpAnswer | HttpFailure;

export interface HttpClient {
  /** Never rejects for what the network does; a failure is a value that says whether an effect is possible. */
  request(request: HttpRequest): Promise<HttpResult>;
  /** Ends every connection; exchanges under way fail. */
  close(): Promise<void>;
}

interface Target {
  readonly pool: Pool;
  readonly lane: Lane;
}

interface Limits {
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
}

/**
 * Opens pools of keep-alive connections over undici, HTTP/1.1 without pipelining: a request is alone on its connection,
 * so "nothing was written" is known exactly (undici calls the handler right before the first byte) and a reset names
 * one request. The caller closes it.
 */
export function openHttp(options: HttpOptions): HttpClient {
  const connections = options.connections ?? 64;
  const limits: Limits = { timeoutMs: options.timeoutMs, maxBodyBytes: options.maxBodyBytes ?? 1_048_576 };
  const targets = new Map<string, Target>();
  for (const base of options.origins) {
    const origin = new URL(base).origin;
    if (targets.has(origin)) continue;
    targets.set(origin, {
      pool: openPool(origin, connections, options),
      lane: openLane(connections, options.maxWaiting ?? 10_000),
    });
  }
  return {
    request(request) {
      const target = targets.get(request.origin) ?? targets.get(new URL(request.origin).origin);
      if (target === undefined) {
        throw new UpliftError('UPL-USAGE', {
          message: `${request.origin} is not an origin of this HTTP client.`,
        });
      }
      return exchange(target, request, limits);
    },
    async close() {
      await Promise.all([...targets.values()].map((target) => target.pool.destroy()));
    },
  };
}

function openPool(origin: string, connections: number, options: HttpOptions): Pool {
  const connectTimeout = options.connectTimeoutMs ?? Math.min(options.timeoutMs, 2_000);
  return new Pool(origin, {
    connections,
    pipelining: 1,
    // An https origin would otherwise be probed for HTTP/2, where a reset hits many requests at once.
    allowH2: false,
    connectTimeout,
    // Belt and braces: the deadline of each exchange is ours and usually ends it first.
    headersTimeout: options.timeoutMs + 1_000,
    bodyTimeout: options.timeoutMs + 1_000,
    keepAliveTimeout: 4_000,
  });
}

/** One request. `entered` and `written` only ever go up; the first to settle wins. */
function exchange(target: Target, request: HttpRequest, limits: Limits): Promise<HttpResult> {
  return new Promise((resolve) => {
    let written = false;
    let settled = false;
    let entered = false;
    let controller: Dispatcher.DispatchController | undefined;
    let leave: Leave | undefined;

    const settle = (result: HttpResult): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', onAbort);
      resolve(result);
      if (entered) target.lane.exit();
      else leave?.();
    };
    const fail = (code: string, reason: string): void => {
      settle({ kind: 'failed', failure: written ? 'unknown' : 'notSent', code, reason });
      // After the settling, so that the error undici reports for the abort changes nothing.
      controller?.abort(new Error(reason));
    };
    const timeoutMs = request.timeoutMs ?? limits.timeoutMs;
    const timer = setTimeout(() => fail('timeout', `no answer within ${timeoutMs} ms`), timeoutMs);
    const onAbort = (): void => fail('aborted', 'aborted');

    const handler = answerHandler(limits.maxBodyBytes, settle, fail, (started) => {
      // A request that ran out of time in undici's own queue is stopped here, before its first byte.
      if (settled) started.abort(new Error('no longer wanted'));
      else {
        controller = started;
        written = true;
      }
    });
    const start = (): void => {
      if (settled) {
        target.lane.exit();
        return;
      }
      entered = true;
      try {
        target.pool.dispatch(dispatchOptions(request), handler);
      } catch (error) {
        fail(codeOf(error), reasonOf(error));
      }
    };

    if (request.signal?.aborted === true) {
      fail('aborted', 'aborted');
      return;
    }
    request.signal?.addEventListener('abort', onAbort, { once: true });
    leave = target.lane.enter(start);
    if (leave === undefined) fail('queue full', 'too many requests wait for a connection');
  });
}

function dispatchOptions(request: HttpRequest): Dispatcher.DispatchOptions {
  return {
    method: request.method,
    path: request.path,
    headers: request.headers ?? null,
    body: request.body ?? null,
    // Never sent twice by undici itself: each sending is one entry of a history.
    idempotent: false,
  };
}

function answerHandler(
  maxBodyBytes: number,
  settle: (result: HttpResult) => void,
  fail: (code: string, reason: string) => void,
  onStart: (controller: Dispatcher.DispatchController) => void,
): Dispatcher.DispatchHandler {
  let status = 0;
  let headers: HttpAnswer['headers'] = {};
  const chunks: Buffer[] = [];
  let bytes = 0;
  return {
    onRequestStart: onStart,
    onResponseStart(_controller, statusCode, responseHeaders) {
      status = statusCode;
      headers = responseHeaders;
    },
    onResponseData(_controller, chunk) {
      bytes += chunk.length;
      if (bytes > maxBodyBytes) fail('body too large', `the answer is longer than ${maxBodyBytes} bytes`);
      else chunks.push(chunk);
    },
    onResponseEnd() {
      settle({ kind: 'answer', status, headers, body: Buffer.concat(chunks, bytes).toString('utf8') });
    },
    onResponseError(_controller, error) {
      fail(codeOf(error), reasonOf(error));
    },
  };
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'error';
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : error;
  if (inner instanceof Error && 'code' in inner && typeof inner.code === 'string') return inner.code;
  return error.name;
}
