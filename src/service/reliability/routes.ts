import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type ReliabilityStatus, retryRequestSchema } from '../../contract/reliability.ts';
import { reasonOf } from '../../core/error.ts';
import { sendProblem } from '../gateway/problems.ts';
import { dashboardPage } from './dashboard-page.ts';
import { PATHS } from './page.ts';
import type { Retry } from './retry.ts';
import { retryGonePage, retryPlanPage, retryResultPage } from './retry-pages.ts';
import { isOwnPage, namesUs } from './same-origin.ts';
import { POLICY } from './style.ts';

export interface ReliabilityDeps {
  readonly status: () => Promise<ReliabilityStatus>;
  readonly retry: Retry;
  /** Host names under which operators reach this listener, besides addresses and localhost. */
  readonly hosts: readonly string[];
  readonly nowMs: () => number;
}

type WithQuery = { Querystring: { operation?: unknown; refresh?: unknown } };

const OPERATION_ID = /^[0-9a-f]{32}$/;

/**
 * Adds the routes for operators. They show counts over all tenants, so they belong on a listener that tenants cannot reach,
 * never on the gateway's.
 */
export async function addReliabilityRoutes(app: FastifyInstance, deps: ReliabilityDeps): Promise<void> {
  // A scope of its own: forms are read here and nowhere else.
  await app.register(async (scope) => {
    scope.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string' },
      (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))),
    );
    scope.addHook('onRequest', async (request, reply) => refuseForeign(deps, request, reply));
    scope.addHook('onSend', async (_request, reply) => {
      reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
    });
    scope.setErrorHandler((error, _request, reply) => answerError(error, reply));
    scope.get(PATHS.status, async () => deps.status());
    scope.get<WithQuery>(PATHS.dashboard, async (request, reply) => {
      const isRefreshing = request.query.refresh !== 'off';
      return sendPage(reply, dashboardPage(await deps.status(), { isRefreshing }));
    });
    scope.get<WithQuery>(PATHS.retry, async (request, reply) => answerPlan(deps, request, reply));
    scope.post(PATHS.retry, async (request, reply) => answerRetry(deps, request, reply));
  });
}

async function answerPlan(
  { retry, status, nowMs }: ReliabilityDeps,
  request: FastifyRequest<WithQuery>,
  reply: FastifyReply,
) {
  const { operation } = request.query;
  if (operation !== undefined && (typeof operation !== 'string' || !OPERATION_ID.test(operation)))
    return sendProblem(reply, 'invalid', { detail: 'operation: not the id of an operation' });
  const plan = await retry.plan(operation);
  if (!wantsPage(request)) return plan;
  return sendPage(reply, retryPlanPage(plan, nowMs(), warningOf(await status())));
}

/** A retry makes entries due; without a sweeper nobody takes them. */
function warningOf({ sweeper }: ReliabilityStatus): string | undefined {
  if (sweeper.state === 'unknown')
    return 'Whether a sweeper works is not known: without one nothing is sent.';
  return sweeper.working > 0
    ? undefined
    : 'No sweeper works at the moment: nothing is sent until one does, and the time of an operation goes on.';
}

async function answerRetry({ retry }: ReliabilityDeps, request: FastifyRequest, reply: FastifyReply) {
  const body = retryRequestSchema.safeParse(request.body);
  if (!body.success) return sendProblem(reply, 'invalid', { detail: 'token: not one of a confirmation' });
  const isPage = wantsPage(request);
  let confirmed: Awaited<ReturnType<Retry['confirm']>>;
  try {
    confirmed = await retry.confirm(body.data.token);
  } catch (error) {
    return sendProblem(reply, 'outcomeUnknown', {
      detail: `${reasonOf(error)}. Send the same confirmation again: nothing is done twice.`,
    });
  }
  if (confirmed.kind === 'unknown') {
    if (isPage) return sendPage(reply.code(404), retryGonePage());
    return sendProblem(reply, 'notFound', {
      detail: 'token: too old, or given by another process; ask for a plan',
    });
  }
  const { result, again } = confirmed;
  return isPage ? sendPage(reply, retryResultPage(result, again)) : result;
}

async function refuseForeign(
  { hosts }: ReliabilityDeps,
  { headers }: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  const { host, origin } = headers;
  const site = headers['sec-fetch-site'];
  if (!namesUs(host, hosts))
    return sendProblem(reply, 'invalid', {
      status: 421,
      detail: 'This name is not known here: use an address or localhost, or add the name to OPERATOR_HOSTS',
    });
  if (isOwnPage({ host, origin, site: typeof site === 'string' ? site : undefined })) return undefined;
  return sendProblem(reply, 'invalid', { status: 403, detail: 'Only pages of this server may ask for this' });
}

function answerError(error: unknown, reply: FastifyReply): FastifyReply {
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 503;
  if (status >= 400 && status < 500)
    return sendProblem(reply, 'invalid', { status, detail: reasonOf(error) });
  return sendProblem(reply, 'notReady', { detail: reasonOf(error) });
}

const wantsPage = (request: FastifyRequest): boolean =>
  request.headers.accept?.includes('text/html') === true;

function sendPage(reply: FastifyReply, text: string): FastifyReply {
  return reply
    .header('content-security-policy', POLICY)
    .header('referrer-policy', 'same-origin')
    .type('text/html; charset=utf-8')
    .send(text);
}
