import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Acknowledged, type Decided, idempotencyHeader } from '../../contract/http.ts';
import { reasonOf } from '../../core/error.ts';
import type { GatewayAppDeps } from './app.ts';
import { goneSignal, headerOf, TENANT_MISSING, tenantOf } from './headers.ts';
import { idempotencyKeyOf } from './idempotency-key.ts';
import { waitSecondsOf } from './prefer.ts';
import { retryAfterS, sendProblem } from './problems.ts';
import { type LookedUp, UnreadableRow } from './reads.ts';
import { planOf, type Verb } from './requests.ts';
import { verdictOf } from './verdicts.ts';
import type { WriteResult } from './write.ts';

/** So long a client may wait for a decision. */
export const LONGEST_WAIT_S = 20;

/** What asks for a command, as routes. */
const WRITES = [
  { method: 'POST', url: '/v1/reservations', verb: 'create' },
  { method: 'POST', url: '/v1/reservations/:id/confirm', verb: 'confirm' },
  { method: 'PATCH', url: '/v1/reservations/:id', verb: 'change' },
  { method: 'DELETE', url: '/v1/reservations/:id', verb: 'cancel' },
] as const satisfies readonly { method: string; url: string; verb: Verb }[];

interface Write {
  readonly deps: GatewayAppDeps;
  readonly verb: Verb;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** Adds the routes that write. Requests that are being written are bounded; those that wait for a decision are too, apart. */
export function addWriteRoutes(app: FastifyInstance, deps: GatewayAppDeps): void {
  let inFlight = 0;
  const bounded = async (write: Write): Promise<Written | undefined> => {
    if (inFlight >= deps.maxInFlight) {
      deps.metrics.refused.inc({ reason: 'overloaded' });
      sendProblem(write.reply, 'overloaded');
      return undefined;
    }
    inFlight += 1;
    try {
      return await writeOne(write);
    } finally {
      inFlight -= 1;
    }
  };
  for (const { method, url, verb } of WRITES) {
    app.route({
      method,
      url,
      handler: async (request, reply) => {
        const write = { deps, verb, request, reply };
        const written = await bounded(write);
        if (written !== undefined) await answer(write, written);
        return reply;
      },
    });
  }
}

interface Written {
  readonly tenant: string;
  readonly result: WriteResult;
}

/** Undefined: refused, and answered. */
async function writeOne({ deps, verb, request, reply }: Write): Promise<Written | undefined> {
  const refuse = (...problem: ProblemArguments): undefined => {
    sendProblem(reply, ...problem);
  };
  const idempotencyKey = idempotencyKeyOf(headerOf(request, idempotencyHeader) ?? '');
  if (idempotencyKey === undefined) return refuse('keyMissing');
  const tenant = tenantOf(request);
  if (tenant === undefined) return refuse('invalid', TENANT_MISSING);
  const { id = '' } = request.params as { id?: string };
  const planned = planOf({ verb, tenant, id, body: request.body }, deps.plan);
  if (planned.kind === 'refused')
    return refuse(planned.problem, planned.detail === undefined ? {} : { detail: planned.detail });
  const topicId = deps.commandsTopicId();
  if (topicId === undefined || deps.draining()) {
    deps.metrics.refused.inc({ reason: 'notReady' });
    return refuse('notReady');
  }
  const result = await deps.writer.write({
    tenant,
    idempotencyKey,
    command: planned.plan,
    topicId,
    trace: (command) => deps.traces.sending(request, reply, command),
  });
  return { tenant, result };
}

type ProblemArguments = Parameters<typeof sendProblem> extends [unknown, ...infer Rest] ? Rest : never;

async function answer(write: Write, { tenant, result }: Written): Promise<FastifyReply> {
  const { deps, reply } = write;
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
      return answerAcknowledged(write, tenant, { operationId, token });
    }
    case 'keyReused':
      return sendProblem(reply, 'keyReused');
    case 'keyRunning':
      metrics.refused.inc({ reason: result.kind });
      return sendProblem(reply, 'keyRunning', { retryAfterS: retryAfterS(result.forMs) });
    case 'unknown':
      metrics.unknown.inc();
      log.warn(
        { ...about(write, tenant, result.operationId), reason: reasonOf(result.cause) },
        'outcome unknown',
      );
      return sendProblem(reply, 'outcomeUnknown', { operation: `/v1/operations/${result.operationId}` });
    default:
      metrics.refused.inc({ reason: result.kind });
      log.debug({ ...about(write, tenant), reason: reasonOf(result.cause) }, 'refused before sending');
      return sendProblem(reply, result.kind);
  }
}

/** Whose request a log line is about, and where its trace is. */
function about({ deps, request }: Write, tenant: string, operation?: string) {
  return { trace: deps.traces.traceIdOf(request, operation), tenant, operation };
}

/** 202 at once, or what was decided, to whoever prefers to wait for it. */
async function answerAcknowledged(
  { deps, verb, request, reply }: Write,
  tenant: string,
  acknowledged: Acknowledged,
): Promise<FastifyReply> {
  const { decisions } = deps;
  const { operationId } = acknowledged;
  const location = `/v1/operations/${operationId}`;
  const waitS = waitSecondsOf(headerOf(request, 'prefer'), LONGEST_WAIT_S);
  let decided: LookedUp | undefined;
  if (waitS !== undefined && decisions.hasRoom) {
    reply.header('preference-applied', `wait=${waitS}`);
    decided = await decisions.wait({ tenant, operationId }, waitS * 1000, goneSignal(reply));
  }
  if (decided === undefined) return reply.code(202).header('location', location).send(acknowledged);
  if (decided instanceof UnreadableRow) {
    deps.metrics.unreadableRows.inc();
    return sendProblem(reply, 'outcomeUnknown', { operation: location, detail: decided.message });
  }
  const verdict = verdictOf(decided.operation, verb);
  if (verdict.kind === 'problem') {
    const detail = verdict.detail === undefined ? {} : { detail: verdict.detail };
    return sendProblem(reply, verdict.problem, { operation: location, ...detail });
  }
  const { reservation } = decided;
  const { reservationId } = decided.operation;
  const body: Decided = { ...acknowledged, reservation };
  return reply.code(verdict.status).header('location', `/v1/reservations/${reservationId}`).send(body);
}
