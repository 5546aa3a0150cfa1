import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { changeReservationSchema, createReservationSchema, idempotencyHeader } from '../../contract/http.ts';
import { reasonOf } from '../../core/error.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { sendDecision } from './decided.ts';
import { waitSecondsOf } from './preferences.ts';
import { type ProblemKind, sendProblem } from './problems.ts';
import { header, TENANT_MISSING, tenantOf } from './request.ts';
import { createPlan, type OnReservation, onReservationPlan } from './requests.ts';
import type { DecisionWaiter } from './waiter.ts';
import type { CommandPlan, CommandWriter, WriteResult } from './write.ts';

export interface WriteDeps {
  readonly writer: Pick<CommandWriter, 'write'>;
  readonly waiter: Pick<DecisionWaiter, 'wait'>;
  readonly partitions: number;
  /** How long a hold lasts that does not say so. */
  readonly holdMs: number;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly maxInFlight: number;
  /** Id of the commands topic while it has the right number of partitions, else undefined: nothing may be written then. */
  readonly commandsTopicId: () => string | undefined;
  readonly draining: () => boolean;
}

const KEY = /^[\x21-\x7e]{1,255}$/;
const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** A command, or the problem that is answered instead. */
type Planned = CommandPlan | { readonly problem: ProblemKind; readonly detail?: string };

interface ById {
  readonly Params: { readonly id: string };
}

/** Adds the routes that write: create, confirm, change, cancel. */
export function addWriteRoutes(app: FastifyInstance, deps: WriteDeps): void {
  let inFlight = 0;
  const write = async (
    request: FastifyRequest,
    reply: FastifyReply,
    plan: (tenant: string) => Planned,
  ): Promise<FastifyReply> => {
    if (inFlight >= deps.maxInFlight) {
      deps.metrics.refused.inc({ reason: 'overloaded' });
      return sendProblem(reply, 'overloaded');
    }
    inFlight += 1;
    try {
      return await handle(deps, request, reply, plan);
    } finally {
      inFlight -= 1;
    }
  };
  const onReservation = (tenant: string, id: string, asked: OnReservation): Planned => {
    const plan = onReservationPlan(tenant, id, asked, deps.partitions);
    if (plan === undefined) return { problem: 'notFound' };
    return plan === 'otherResource' ? { problem: 'otherResource' } : plan;
  };
  app.post('/v1/reservations', (request, reply) =>
    write(request, reply, (tenant) =>
      parsed(createReservationSchema, request.body, (body) =>
        createPlan(tenant, body, deps.partitions, { holdMs: deps.holdMs }),
      ),
    ),
  );
  app.post<ById>('/v1/reservations/:id/confirm', (request, reply) =>
    write(request, reply, (tenant) => onReservation(tenant, request.params.id, { type: 'confirm' })),
  );
  app.patch<ById>('/v1/reservations/:id', (request, reply) =>
    write(request, reply, (tenant) =>
      parsed(changeReservationSchema, request.body, (body) =>
        onReservation(tenant, request.params.id, { type: 'change', body }),
      ),
    ),
  );
  app.delete<ById>('/v1/reservations/:id', (request, reply) =>
    write(request, reply, (tenant) => onReservation(tenant, request.params.id, { type: 'cancel' })),
  );
}

function parsed<T>(schema: z.ZodType<T>, body: unknown, plan: (body: T) => Planned): Planned {
  const result = schema.safeParse(body);
  if (result.success) return plan(result.data);
  const detail = result.error.issues
    .map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`)
    .join('; ');
  return { problem: 'invalid', detail };
}

async function handle(
  deps: WriteDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  plan: (tenant: string) => Planned,
): Promise<FastifyReply> {
  const idempotencyKey = header(request, idempotencyHeader);
  if (idempotencyKey === undefined || !KEY.test(idempotencyKey)) return sendProblem(reply, 'keyMissing');
  const tenant = tenantOf(request);
  if (tenant === undefined) return sendProblem(reply, 'invalid', TENANT_MISSING);
  const command = plan(tenant);
  if ('problem' in command)
    return sendProblem(
      reply,
      command.problem,
      command.detail === undefined ? {} : { detail: command.detail },
    );
  const topicId = deps.commandsTopicId();
  if (topicId === undefined || deps.draining()) {
    deps.metrics.refused.inc({ reason: 'notReady' });
    return sendProblem(reply, 'notReady');
  }
  const traceparent = header(request, 'traceparent');
  const result = await deps.writer.write({
    tenant,
    idempotencyKey,
    command,
    topicId,
    traceparent: traceparent !== undefined && TRACEPARENT.test(traceparent) ? traceparent : undefined,
  });
  if (result.kind !== 'acknowledged') return answerOther(deps, result, reply);
  return answerAcknowledged(deps, { request, reply, tenant, isNew: command.newReservation }, result);
}

interface Answering {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly tenant: string;
  readonly isNew: boolean;
}

/** 202, or with `Prefer: wait` the decision, if it is seen in time. */
async function answerAcknowledged(
  { metrics, waiter }: WriteDeps,
  { request, reply, tenant, isNew }: Answering,
  { operationId, token, replay }: Extract<WriteResult, { kind: 'acknowledged' }>,
): Promise<FastifyReply> {
  if (replay) {
    metrics.replayed.inc();
    reply.header('idempotency-replay', 'true');
  } else {
    metrics.acknowledged.inc();
  }
  const seconds = waitSecondsOf(header(request, 'prefer'));
  if (seconds !== undefined) {
    const gone = new AbortController();
    const onClose = (): void => gone.abort();
    reply.raw.once('close', onClose);
    const operation = await waiter.wait({ tenant, operationId }, seconds * 1000, gone.signal);
    reply.raw.off('close', onClose);
    reply.header('preference-applied', `wait=${seconds}`);
    if (operation !== undefined) return sendDecision(reply, operation, { isNew, token });
  }
  return reply.code(202).header('location', `/v1/operations/${operationId}`).send({ operationId, token });
}

function answerOther(
  { metrics, log }: WriteDeps,
  result: Exclude<WriteResult, { kind: 'acknowledged' }>,
  reply: FastifyReply,
): FastifyReply {
  switch (result.kind) {
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
