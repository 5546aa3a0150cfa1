import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Sql } from '../../clients/postgres/index.ts';
import { createReservationSchema, idempotencyHeader, tenantHeader } from '../../contract/http.ts';
import { isUpliftError, reasonOf } from '../../core/error.ts';
import type { UnknownIds } from '../bloom/index.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { createPlan } from './create.ts';
import { sendProblem } from './problems.ts';
import { addRateLimit, type TenantLimiter } from './rate-limit.ts';
import { readOperation, readReservation } from './reads.ts';
import type { CommandWriter, WriteResult } from './write.ts';

export interface GatewayAppDeps {
  readonly writer: CommandWriter;
  readonly partitions: number;
  readonly sql: Sql;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly maxInFlight: number;
  /** Id of the commands topic while it has the right number of partitions, else undefined: nothing may be written then. */
  readonly commandsTopicId: () => string | undefined;
  readonly draining: () => boolean;
  /** Undefined: no limit. */
  readonly limiter?: TenantLimiter | undefined;
  /** Undefined: every read asks Postgres. */
  readonly unknownIds?: Pick<UnknownIds, 'certainlyAbsent'> | undefined;
}

const TENANT = /^[A-Za-z0-9._:-]{1,128}$/;
const TENANT_MISSING = { detail: `${tenantHeader} is missing or not valid` };
const KEY = /^[\x21-\x7e]{1,255}$/;
const OPERATION_ID = /^[0-9a-f]{32}$/;
const RESERVATION_ID = /^[0-9a-z-]{1,64}$/;
const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Adds the `/v1` routes to the server of the gateway. */
export function addGatewayRoutes(app: FastifyInstance, deps: GatewayAppDeps): void {
  let inFlight = 0;
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    deps.metrics.requestDuration.observe({ route, status: reply.statusCode }, reply.elapsedTime / 1000);
  });
  app.addHook('onSend', async (_request, reply) => {
    if (deps.draining()) reply.header('connection', 'close');
  });
  if (deps.limiter !== undefined) addRateLimit(app, deps.limiter, (request) => tenantOf(request));
  app.post('/v1/reservations', async (request, reply) => {
    if (inFlight >= deps.maxInFlight) {
      deps.metrics.refused.inc({ reason: 'overloaded' });
      return sendProblem(reply, 'overloaded');
    }
    inFlight += 1;
    try {
      return await create(deps, request, reply);
    } finally {
      inFlight -= 1;
    }
  });
  app.get<{ Params: { id: string } }>('/v1/operations/:id', async (request, reply) => {
    const { id } = request.params;
    const tenant = tenantOf(request);
    if (tenant === undefined) return sendProblem(reply, 'invalid', TENANT_MISSING);
    if (!OPERATION_ID.test(id)) return sendProblem(reply, 'notFound');
    const operation = await readOperation(deps.sql, id, tenant);
    return operation === undefined
      ? sendProblem(reply, 'notFound', { detail: 'not decided yet, or unknown' })
      : operation;
  });
  app.get<{ Params: { id: string } }>('/v1/reservations/:id', async (request, reply) => {
    const { id } = request.params;
    const tenant = tenantOf(request);
    if (tenant === undefined) return sendProblem(reply, 'invalid', TENANT_MISSING);
    if (!RESERVATION_ID.test(id)) return sendProblem(reply, 'notFound');
    if ((await deps.unknownIds?.certainlyAbsent(id)) === true) return sendProblem(reply, 'notFound');
    const reservation = await readReservation(deps.sql, id, tenant);
    return reservation === undefined ? sendProblem(reply, 'notFound') : reservation;
  });
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 'notFound'));
  app.setErrorHandler((error, _request, reply) => answerError(deps, error, reply));
}

async function create(
  deps: GatewayAppDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const idempotencyKey = header(request, idempotencyHeader);
  if (idempotencyKey === undefined || !KEY.test(idempotencyKey)) return sendProblem(reply, 'keyMissing');
  const tenant = tenantOf(request);
  if (tenant === undefined) return sendProblem(reply, 'invalid', TENANT_MISSING);
  const body = createReservationSchema.safeParse(request.body);
  if (!body.success) {
    const detail = body.error.issues
      .map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`)
      .join('; ');
    return sendProblem(reply, 'invalid', { detail });
  }
  const topicId = deps.commandsTopicId();
  if (topicId === undefined || deps.draining()) {
    deps.metrics.refused.inc({ reason: 'notReady' });
    return sendProblem(reply, 'notReady');
  }
  const traceparent = header(request, 'traceparent');
  const result = await deps.writer.write({
    tenant,
    idempotencyKey,
    command: createPlan(tenant, body.data, deps.partitions),
    topicId,
    traceparent: traceparent !== undefined && TRACEPARENT.test(traceparent) ? traceparent : undefined,
  });
  return answer(deps, result, reply);
}

function answer(deps: GatewayAppDeps, result: WriteResult, reply: FastifyReply): FastifyReply {
  const { metrics, log } = deps;
  switch (result.kind) {
    case 'acknowledged': {
      if (result.replay) {
        metrics.replayed.inc();
        reply.header('idempotency-replay', 'true');
      } else {
        metrics.acknowledged.inc();
      }
      const { operationId, token } = result;
      return reply.code(202).header('location', `/v1/operations/${operationId}`).send({ operationId, token });
    }
    case 'keyReused':
      return sendProblem(reply, 'keyReused');
    case 'keyRunning':
      metrics.refused.inc({ reason: result.kind });
      return sendProblem(reply, 'keyRunning');
    case 'unknown':
      metrics.unknown.inc();
      log.warn({ operation: result.operationId, reason: reasonOf(result.cause) }, 'outcome unknown');
      return sendProblem(reply, 'outcomeUnknown', { operation: `/v1/operations/${result.operationId}` });
    default:
      metrics.refused.inc({ reason: result.kind });
      log.debug({ reason: reasonOf(result.cause) }, 'refused before sending');
      return sendProblem(reply, result.kind);
  }
}

function answerError(deps: GatewayAppDeps, error: unknown, reply: FastifyReply): FastifyReply {
  if (isUpliftError(error)) {
    // At debug: /readyz says it once, a log line per request would say it a thousand times.
    deps.log.debug({ code: error.code, reason: reasonOf(error) }, 'a dependency did not answer');
    return sendProblem(reply, 'notReady');
  }
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (status >= 400 && status < 500)
    return sendProblem(reply, 'invalid', { status, detail: reasonOf(error) });
  deps.log.error({ err: error }, 'unexpected error');
  return reply
    .code(500)
    .type('application/problem+json')
    .send(JSON.stringify({ type: 'about:blank', title: 'Internal error', status: 500 }));
}

/** Every request says for whom it is: nothing is read or written across tenants. */
function tenantOf(request: FastifyRequest): string | undefined {
  const tenant = header(request, tenantHeader);
  return tenant !== undefined && TENANT.test(tenant) ? tenant : undefined;
}

function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}
