import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { PROBLEMS, type Problem, type Readyz } from '../../contract/http.ts';
import type { Settings } from '../env.ts';
import type { Metrics } from './metrics.ts';
import type { ProbeResult } from './probes.ts';

const BODY_LIMIT_BYTES = 16 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 65_000;
/** Longer than any name we have, also when each of its characters is written as three. */
const LONGEST_PARAM = 512;

/** Labels are of a bounded set, whatever is asked for. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

export interface OpsOptions {
  readonly role: string;
  readonly settings: Settings;
  readonly metrics: Metrics;
  readonly probes: () => ProbeResult[];
  /** True from the moment shutdown begins: not ready from then on. */
  readonly draining: () => boolean;
}

/** A path that no router can read meets neither a route nor an error handler. */
function answerBadPath(error: FastifyError, _request: FastifyRequest, reply: FastifyReply): void {
  const status = error.statusCode ?? 400;
  const body: Problem = { type: PROBLEMS.invalid, title: 'The path is not valid', status };
  reply.code(status).type('application/problem+json').send(JSON.stringify(body));
}

/** The HTTP server of any role, with `/healthz` (the process lives), `/readyz` (it can do its work) and `/metrics`. */
export function createHttp(options: OpsOptions): FastifyInstance {
  const app = Fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionTimeout: 0,
    forceCloseConnections: 'idle',
    genReqId: () => '',
    routerOptions: { maxParamLength: LONGEST_PARAM },
    frameworkErrors: answerBadPath,
  });
  app.addHook('onResponse', (request, reply, done) => {
    const labels = {
      method: METHODS.has(request.method) ? request.method : 'other',
      route: request.routeOptions.url ?? 'none',
      status: `${Math.floor(reply.statusCode / 100)}xx`,
    };
    options.metrics.requestDuration.observe(labels, reply.elapsedTime / 1000);
    done();
  });
  app.get('/healthz', async () => ({ alive: true, role: options.role, instance: options.settings.INSTANCE }));
  app.get('/readyz', async (_request, reply) => {
    const body = readiness(options);
    return reply.code(body.ready ? 200 : 503).send(body);
  });
  app.get('/metrics', async (_request, reply) => {
    const text = await options.metrics.registry.metrics();
    return reply.type(options.metrics.registry.contentType).send(text);
  });
  return app;
}

export function readiness(options: OpsOptions): Readyz {
  const probes = options.probes();
  if (options.draining()) probes.push({ name: 'shutdown', ok: false, detail: 'draining', ageMs: 0 });
  return {
    ready: probes.length > 0 && probes.every((probe) => probe.ok),
    role: options.role,
    instance: options.settings.INSTANCE,
    probes,
  };
}

/** Listens and answers the port. */
export async function listen(app: FastifyInstance, settings: Settings): Promise<number> {
  await app.listen({ host: settings.HTTP_HOST, port: settings.HTTP_PORT });
  const address = app.server.address();
  return address !== null && typeof address === 'object' ? address.port : settings.HTTP_PORT;
}
