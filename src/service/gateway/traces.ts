import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { TOPICS } from '../../contract/records.ts';
import { type Sending, startSending } from '../telemetry/messaging.ts';
import type { OpenSpan, Tracing } from '../telemetry/spans.ts';
import {
  formatTraceparent,
  ownTraceparent,
  parseTraceparent,
  type TraceParent,
} from '../telemetry/traceparent.ts';
import { headerOf } from './headers.ts';

/** What the record of a command carries of its trace, and who is told how sending it ended. */
export type CommandTrace = Pick<Sending, 'traceparent'> & Partial<Sending>;

export interface GatewayTracesOptions {
  /** Undefined: nothing is recorded; contexts are passed on all the same. */
  readonly tracing: Tracing | undefined;
  /** Whether the trace headers of callers are believed. */
  readonly trustsCallers: boolean;
}

/** The span of a request that sent a command; null: its trace is not recorded; undefined: it sent none. */
const SPAN = Symbol('span of the request');
interface Traced {
  [SPAN]?: OpenSpan | null;
}
const spanOf = (request: FastifyRequest): OpenSpan | null | undefined => (request as Traced)[SPAN];

/**
 * The traces of requests. What is not recorded costs no more than reading the caller's header: the span of a request is
 * only made once a command is sent for it, or when it is answered.
 */
export class GatewayTraces {
  readonly #options: GatewayTracesOptions;

  /** Room for the span on each request of this server. */
  static prepare(app: FastifyInstance): void {
    app.decorateRequest(SPAN, undefined);
  }

  constructor(options: GatewayTracesOptions) {
    this.#options = options;
  }

  /** The caller's context, if it sent one that can be read and is believed. */
  parentOf(request: FastifyRequest): TraceParent | undefined {
    return this.#options.trustsCallers ? parseTraceparent(headerOf(request, 'traceparent')) : undefined;
  }

  /** The trace of a request by id, as far as it has one: what its command carries. */
  traceIdOf(request: FastifyRequest, operationId?: string): string | undefined {
    return spanOf(request)?.context.traceId ?? this.parentOf(request)?.traceId ?? operationId;
  }

  /** A command is about to be sent for this request. */
  sending(request: FastifyRequest, reply: FastifyReply, command: SentCommand): CommandTrace {
    const { tracing } = this.#options;
    const { operationId, partition, tenant } = command;
    const parent = this.parentOf(request);
    const traceId = parent?.traceId ?? operationId;
    if (tracing?.isSampled(parent, traceId) !== true) {
      (request as Traced)[SPAN] = null;
      return { traceparent: parent === undefined ? ownTraceparent(operationId) : formatTraceparent(parent) };
    }
    const attributes = { 'uplift.tenant': tenant, 'uplift.operation': operationId };
    const span = this.#start(tracing, request, reply, { parent, traceId });
    (request as Traced)[SPAN] = span;
    const topic = TOPICS.commands;
    return startSending(tracing, { topic, partition, parent: span.context, attributes });
  }

  /** The request was answered. */
  answered(request: FastifyRequest, reply: FastifyReply): void {
    const { tracing } = this.#options;
    if (tracing === undefined) return;
    const span = spanOf(request);
    // The trace of its command is not recorded: so is the request.
    if (span === null) return;
    if (span !== undefined) {
      end(span, reply);
      return;
    }
    // Not what watches the process, however often it asks.
    if (request.routeOptions.url?.startsWith('/v1/') !== true) return;
    const parent = this.parentOf(request);
    const traceId = parent?.traceId ?? randomTraceId();
    if (tracing.isSampled(parent, traceId))
      end(this.#start(tracing, request, reply, { parent, traceId }), reply);
  }

  #start(
    tracing: Tracing,
    request: FastifyRequest,
    reply: FastifyReply,
    { parent, traceId }: { readonly parent: TraceParent | undefined; readonly traceId: string },
  ): OpenSpan {
    const route = request.routeOptions.url ?? 'none';
    return tracing.start({
      name: `${request.method} ${route}`,
      kind: 'server',
      parent,
      traceId,
      startMs: Date.now() - reply.elapsedTime,
      attributes: { 'http.request.method': request.method, 'http.route': route, 'url.scheme': 'http' },
    });
  }
}

export interface SentCommand {
  readonly operationId: string;
  readonly partition: number;
  readonly tenant: string;
}

function end(span: OpenSpan, { statusCode }: FastifyReply): void {
  const attributes = { 'http.response.status_code': statusCode };
  // By the semantic conventions a 4xx is the caller's error: the span of the server did not fail.
  span.end(attributes, statusCode >= 500 ? String(statusCode) : undefined);
}

/** Random as far as sampling needs it; no secret. */
function randomTraceId(): string {
  const part = (): string => ((Math.random() * 2 ** 32) >>> 0).toString(16).padStart(8, '0');
  return `${part()}${part()}${part()}${part()}`;
}
