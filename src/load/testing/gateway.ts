import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import {
  consistencyHeader,
  idempotencyHeader,
  type Operation,
  PROBLEMS,
  type Reservation,
  tenantHeader,
} from '../../contract/http.ts';
import { eventIdOf, partitionOf, resourceKey } from '../../contract/ids.ts';
import { encodeToken } from '../../contract/token.ts';

/** What the next write comes to. */
export type Answer =
  | { readonly kind: 'accept'; readonly delayMs?: number }
  /** Takes effect, then the connection is reset instead of an answer. */
  | { readonly kind: 'resetAfter' }
  | { readonly kind: 'resetBefore' }
  | { readonly kind: 'hang' }
  | { readonly kind: 'otherId' }
  | { readonly kind: 'problem'; readonly status: number; readonly type: keyof typeof PROBLEMS };

/** An in-test service that answers as the gateway does, and remembers what took effect. */
export interface FakeGateway {
  readonly url: string;
  /** Event ids in the order they took effect, per partition: index = offset. */
  readonly logs: readonly (readonly string[])[];
  readonly requests: readonly FakeRequest[];
  connections(): number;
  close(): Promise<void>;
}

export interface FakeRequest {
  readonly eventId: string;
  readonly atMs: number;
  readonly method: string;
  readonly path: string;
  /** Absent: it had none. */
  readonly body: { readonly resource?: string; readonly hold?: boolean } | undefined;
}

interface State {
  readonly logs: string[][];
  readonly requests: FakeRequest[];
  readonly partitions: Map<string, number>;
  readonly tokens: string[];
  readonly acknowledged: Map<string, string>;
  readonly invisibleLooks: Map<string, number>;
}

export interface FakeOptions {
  readonly partitions: number;
  /** Decides by the request's number and event id. */
  readonly answer?: (number: number, eventId: string) => Answer;
  /** How often an operation answers 404 after its acknowledgement. */
  readonly invisibleLooks?: number;
  /** Shared by gateways of one service. */
  readonly state?: State;
  readonly port?: number;
}

export const TOPIC_ID = '00000000-0000-4000-8000-00000000c0de';

export function sharedState(partitions: number): State {
  return {
    logs: Array.from({ length: partitions }, () => []),
    requests: [],
    partitions: new Map(),
    tokens: [],
    acknowledged: new Map(),
    invisibleLooks: new Map(),
  };
}

export async function startFakeGateway(options: FakeOptions): Promise<FakeGateway> {
  const state = options.state ?? sharedState(options.partitions);
  const server = createServer((request, response) => {
    void handle(options, state, request, response).catch(() => response.destroy());
  });
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    logs: state.logs,
    requests: state.requests,
    connections: () => connections,
    close: () => closeServer(server),
  };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function handle(
  options: FakeOptions,
  state: State,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method === 'GET') return get(options, state, request, response);
  const text = await bodyOf(request);
  const body = text === '' ? undefined : (JSON.parse(text) as NonNullable<FakeRequest['body']>);
  const tenant = String(request.headers[tenantHeader]);
  const eventId = eventIdOf(tenant, String(request.headers[idempotencyHeader]));
  const { method = '', url: path = '' } = request;
  state.requests.push({ eventId, atMs: performance.now(), method, path, body });
  const answer = options.answer?.(state.requests.length - 1, eventId) ?? { kind: 'accept' };
  if (answer.kind === 'hang') return;
  if (answer.kind === 'resetBefore') {
    request.socket.resetAndDestroy();
    return;
  }
  if (answer.kind === 'problem') {
    const type = PROBLEMS[answer.type];
    return send(response, answer.status, { type, title: answer.type, status: answer.status });
  }
  const partition =
    state.partitions.get(path.split('/')[3] ?? '') ??
    partitionOf(resourceKey(tenant, body?.resource ?? ''), options.partitions);
  state.partitions.set(reservationIdOf(eventId), partition);
  const log = state.logs[partition] ?? [];
  const token =
    state.acknowledged.get(eventId) ??
    encodeToken({
      region: 'local',
      topicId: TOPIC_ID,
      partition,
      commandOffset: BigInt(log.push(eventId) - 1),
    });
  state.acknowledged.set(eventId, token);
  if (answer.kind === 'accept' && answer.delayMs !== undefined) await delay(answer.delayMs);
  if (answer.kind === 'resetAfter') {
    request.socket.resetAndDestroy();
    return;
  }
  send(response, 202, { operationId: answer.kind === 'otherId' ? '0'.repeat(32) : eventId, token });
}

function get(options: FakeOptions, state: State, request: IncomingMessage, response: ServerResponse): void {
  const token = request.headers[consistencyHeader];
  if (typeof token === 'string') state.tokens.push(token);
  const [, eventId] = /^\/v1\/operations\/([0-9a-f]{32})$/.exec(request.url ?? '') ?? [];
  if (eventId === undefined) {
    send(response, 200, reservationOf(request.url?.split('/').at(-1) ?? ''));
    return;
  }
  const looks = state.invisibleLooks.get(eventId) ?? 0;
  state.invisibleLooks.set(eventId, looks + 1);
  const visible = state.acknowledged.has(eventId) && looks >= (options.invisibleLooks ?? 0);
  if (visible) send(response, 200, operationOf(eventId));
  else send(response, 404, { type: PROBLEMS.notFound, title: 'not found', status: 404 });
}

function operationOf(operationId: string): Operation {
  const reservationId = reservationIdOf(operationId);
  return {
    operationId,
    decision: 'accepted',
    reservationId,
    reason: null,
    commandPartition: 0,
    commandOffset: '0',
  };
}

/** The id of what an operation makes. */
export const reservationIdOf = (operationId: string): string => `r-${operationId}`;

function reservationOf(reservationId: string): Reservation {
  const slot = { start: '2040-01-01T00:00:00Z', end: '2040-01-01T01:00:00Z' };
  const operationId = reservationId.slice(2);
  const state = { status: 'active', holdUntil: null, version: 1 } as const;
  return { reservationId, tenant: 't', resource: 'r', slot, quantity: 1, ...state, operationId };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}
