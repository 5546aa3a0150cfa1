import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Logger } from 'pino';
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
import type { DecidedOperation } from './reads.ts';
import type { PlanSettings } from './requests.ts';
import type { CommandWriter } from './write.ts';
import { addWriteRoutes } from './write-routes.ts';

export interface GatewayAppDeps {
  readonly writer: CommandWriter;
  readonly plan: PlanSettings;
  readonly reader: Reader;
  readonly decisions: DecisionWaiter<DecidedOperation>;
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

/** Adds the `/v1` routes to the server of the gateway. */
export function addGatewayRoutes(app: FastifyInstance, deps: GatewayAppDeps): void {
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    deps.metrics.requestDuration.observe({ route, status: reply.statusCode }, reply.elapsedTime / 1000);
  });
  app.addHook('onSend', async (_request, reply) => {
    if (deps.draining()) reply.header('connection', 'close');
  });
  if (deps.limiter !== undefined) addRateLimit(app, deps.limiter, tenantOf);
  addWriteRoutes(app, deps);
  addReadRoutes(app, deps);
  addDocRoutes(app);
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 'notFound'));
  app.setErrorHandler((error, _request, reply) => answerError(deps, error, reply));
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
