import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { sqlStateOf } from '../../clients/postgres/index.ts';
import { isUpliftError, reasonOf } from '../../core/error.ts';
import type { UnknownIds } from '../bloom/index.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { DecisionWaiter } from './decisions.ts';
import { tenantOf } from './headers.ts';
import { addDocRoutes } from './openapi-routes.ts';
import { sendProblem } from './problems.ts';
import { addRateLimit, type TenantLimiter } from './rate-limit.ts';
import { addReadRoutes } from './read-routes.ts';
import type { Reader } from './reader.ts';
import { type LookedUp, UnreadableRow } from './reads.ts';
import type { PlanSettings } from './requests.ts';
import { GatewayTraces } from './traces.ts';
import type { CommandWriter } from './write.ts';
import { addWriteRoutes } from './write-routes.ts';

export interface GatewayAppDeps {
  readonly writer: CommandWriter;
  readonly plan: PlanSettings;
  readonly reader: Reader;
  readonly decisions: DecisionWaiter<LookedUp>;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly traces: GatewayTraces;
  readonly maxInFlight: number;
  /** Id of the commands topic while it has the right number of partitions, else undefined: nothing may be written then. */
  readonly commandsTopicId: () => string | undefined;
  readonly draining: () => boolean;
  /** Undefined: no limit. */
  readonly limiter?: TenantLimiter | undefined;
  /** Undefined: every read asks Postgres. */
  readonly unknownIds?: Pick<UnknownIds, 'certainlyAbsent'> | undefined;
}

/** Adds the `/v1` routes to the server of the gateway. */
export function addGatewayRoutes(app: FastifyInstance, deps: GatewayAppDeps): void {
  GatewayTraces.prepare(app);
  app.addHook('onResponse', (request, reply, done) => {
    logAnswer(deps, request, reply);
    deps.traces.answered(request, reply);
    done();
  });
  app.addHook('onSend', async (_request, reply) => {
    if (deps.draining()) reply.header('connection', 'close');
  });
  if (deps.limiter !== undefined) addRateLimit(app, deps.limiter, tenantOf);
  addWriteRoutes(app, deps);
  addReadRoutes(app, deps);
  addDocRoutes(app);
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 'notFound'));
  app.setErrorHandler((error, request, reply) => answerError(deps, error, request, reply));
}

/** A line per request, for those who look for one: by its route, never by its path or anything it carries. */
function logAnswer(deps: GatewayAppDeps, request: FastifyRequest, reply: FastifyReply): void {
  const { log } = deps;
  if (!log.isLevelEnabled('debug') || request.routeOptions.url?.startsWith('/v1/') !== true) return;
  const { method } = request;
  const { url: route } = request.routeOptions;
  const answer = { method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime) };
  log.debug({ ...aboutRequest(deps, request), ...answer }, 'answered');
}

const aboutRequest = ({ traces }: GatewayAppDeps, request: FastifyRequest) => ({
  trace: traces.traceIdOf(request),
  tenant: tenantOf(request),
});

function answerError(
  deps: GatewayAppDeps,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (isUpliftError(error)) {
    // At debug: /readyz says it once, a log line per request would say it a thousand times.
    // Postgres quotes the values it refuses, so of a refusal only its SQLSTATE.
    const reason =
      error.code === 'UPL-POSTGRES-QUERY' ? `refused (SQLSTATE ${sqlStateOf(error)})` : reasonOf(error);
    deps.log.debug(
      { ...aboutRequest(deps, request), code: error.code, reason },
      'a dependency did not answer',
    );
    return sendProblem(reply, 'notReady');
  }
  if (error instanceof UnreadableRow) {
    deps.metrics.unreadableRows.inc();
    deps.log.error({ ...aboutRequest(deps, request), reason: error.message }, 'unreadable row');
    return sendProblem(reply, 'notReady', { detail: error.message });
  }
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (status >= 400 && status < 500)
    return sendProblem(reply, 'invalid', { status, detail: reasonOf(error) });
  deps.log.error({ ...aboutRequest(deps, request), err: error }, 'unexpected error');
  return reply
    .code(500)
    .type('application/problem+json')
    .send(JSON.stringify({ type: 'about:blank', title: 'Internal error', status: 500 }));
}
