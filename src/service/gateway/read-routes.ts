import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Sql } from '../../clients/postgres/index.ts';
import { tokenHeader } from '../../contract/http.ts';
import type { UnknownIds } from '../bloom/index.ts';
import { type ReadSources, readAfter, readNear, type Seen, tokenIn } from './consistent.ts';
import { sendProblem } from './problems.ts';
import { readOperation, readReservation } from './reads.ts';
import { header, OPERATION_ID, RESERVATION_ID, TENANT_MISSING, tenantOf } from './request.ts';

export interface ReadDeps {
  readonly sources: ReadSources;
  readonly region: string;
  readonly partitions: number;
  readonly commandsTopicId: () => string | undefined;
  /** Undefined: every read asks Postgres. */
  readonly unknownIds?: Pick<UnknownIds, 'certainlyAbsent'> | undefined;
}

interface ById {
  readonly Params: { readonly id: string };
}

type Look<T> = (sql: Sql, partition: number | null) => Promise<Seen<T | undefined>>;

/** Adds the routes that read: an operation, a reservation. */
export function addReadRoutes(app: FastifyInstance, deps: ReadDeps): void {
  app.get<ById>('/v1/operations/:id', (request, reply) => {
    const { id } = request.params;
    const tenant = tenantOf(request);
    if (tenant === undefined) return sendProblem(reply, 'invalid', TENANT_MISSING);
    if (!OPERATION_ID.test(id)) return sendProblem(reply, 'notFound');
    const detail = 'not decided yet, or unknown';
    return answer(deps, request, reply, { detail }, (sql, at) => readOperation(sql, id, tenant, at));
  });
  app.get<ById>('/v1/reservations/:id', async (request, reply) => {
    const { id } = request.params;
    const tenant = tenantOf(request);
    if (tenant === undefined) return sendProblem(reply, 'invalid', TENANT_MISSING);
    if (!RESERVATION_ID.test(id)) return sendProblem(reply, 'notFound');
    // Who brings a token knows of something recent: the filter speaks of old ids only.
    const isOld = header(request, tokenHeader) === undefined;
    if (isOld && (await deps.unknownIds?.certainlyAbsent(id)) === true) return sendProblem(reply, 'notFound');
    return answer(deps, request, reply, {}, (sql, at) => readReservation(sql, id, tenant, at));
  });
}

async function answer<T>(
  deps: ReadDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  absent: { readonly detail?: string },
  look: Look<T>,
): Promise<FastifyReply> {
  const text = header(request, tokenHeader);
  const { region, partitions, sources } = deps;
  const token =
    text === undefined ? undefined : tokenIn(text, { region, partitions, topicId: deps.commandsTopicId() });
  if (token === 'invalid') return sendProblem(reply, 'invalid', { detail: `${tokenHeader} is no token` });
  if (token === 'foreign') return sendProblem(reply, 'tokenForeign');
  const seen =
    token === undefined
      ? await readNear(sources, (sql) => look(sql, null))
      : await readAfter(sources, token, (sql) => look(sql, token.partition));
  if (seen === undefined)
    return sendProblem(reply, 'notReady', { detail: 'the projection is behind this token' });
  return seen.answer === undefined ? sendProblem(reply, 'notFound', absent) : reply.send(seen.answer);
}
