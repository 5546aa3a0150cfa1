import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { consistencyHeader, resourceListQuerySchema, tenantListQuerySchema } from '../../contract/http.ts';
import { nameSchema } from '../../contract/records.ts';
import type { GatewayAppDeps } from './app.ts';
import { goneSignal, headerOf, TENANT_MISSING, tenantOf } from './headers.ts';
import { type List, type ListRow, resourceList, tenantList } from './lists.ts';
import { sendProblem } from './problems.ts';
import type { ReadResult, ReadStatement } from './reader.ts';
import {
  type OperationRow,
  operationOf,
  operationStatement,
  type ReservationRow,
  reservationOf,
  reservationStatement,
} from './reads.ts';
import { detailOf } from './requests.ts';

const OPERATION_ID = /^[0-9a-f]{32}$/;
const RESERVATION_ID = /^[0-9a-z-]{1,64}$/;
const NEVER = new AbortController().signal;
const BAD_CURSOR = { detail: 'cursor: not a cursor of this list' };

type WithId = { Params: { id: string } };

/** Adds the routes that read the projection. */
export function addReadRoutes(app: FastifyInstance, deps: GatewayAppDeps): void {
  app.get<WithId>('/v1/operations/:id', async (request, reply) => {
    const { id } = request.params;
    const tenant = tenantOf(request);
    if (tenant === undefined) return sendProblem(reply, 'invalid', TENANT_MISSING);
    if (!OPERATION_ID.test(id)) return sendProblem(reply, 'notFound');
    const rows = await read<OperationRow>(deps, request, reply, operationStatement(tenant, id));
    const row = rows?.[0];
    if (row !== undefined) return operationOf(row);
    return rows && sendProblem(reply, 'notFound', { detail: 'not decided yet, or unknown' });
  });
  app.get<WithId>('/v1/reservations/:id', async (request, reply) => {
    const { id } = request.params;
    const tenant = tenantOf(request);
    if (tenant === undefined) return sendProblem(reply, 'invalid', TENANT_MISSING);
    if (!RESERVATION_ID.test(id)) return sendProblem(reply, 'notFound');
    // A token is judged before anything is answered, so a filter may only spare reads that carry none.
    const withToken = headerOf(request, consistencyHeader) !== undefined;
    if (!withToken && (await deps.unknownIds?.certainlyAbsent(id)) === true)
      return sendProblem(reply, 'notFound');
    const rows = await read<ReservationRow>(deps, request, reply, reservationStatement(tenant, id));
    const row = rows?.[0];
    if (row !== undefined) return reservationOf(row);
    return rows && sendProblem(reply, 'notFound');
  });
  app.get('/v1/reservations', async (request, reply) => {
    const tenant = tenantOf(request);
    if (tenant === undefined) return sendProblem(reply, 'invalid', TENANT_MISSING);
    const query = tenantListQuerySchema.safeParse(request.query);
    if (!query.success) return sendProblem(reply, 'invalid', { detail: detailOf(query.error) });
    return list(deps, request, reply, tenantList(tenant, query.data));
  });
  app.get<{ Params: { resource: string } }>(
    '/v1/resources/:resource/reservations',
    async (request, reply) => {
      const tenant = tenantOf(request);
      if (tenant === undefined) return sendProblem(reply, 'invalid', TENANT_MISSING);
      const resource = nameSchema.safeParse(request.params.resource);
      if (!resource.success) return sendProblem(reply, 'invalid', { detail: 'not the name of a resource' });
      const query = resourceListQuerySchema.safeParse(request.query);
      if (!query.success) return sendProblem(reply, 'invalid', { detail: detailOf(query.error) });
      return list(deps, request, reply, resourceList(tenant, resource.data, query.data));
    },
  );
}

async function list(
  deps: GatewayAppDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  wanted: List | undefined,
) {
  if (wanted === undefined) return sendProblem(reply, 'invalid', BAD_CURSOR);
  const rows = await read<ListRow>(deps, request, reply, wanted.statement);
  return rows && wanted.answer(rows);
}

/** The rows; undefined: they could not be read as new as was asked for, and that is answered. */
async function read<R extends object>(
  deps: GatewayAppDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  statement: ReadStatement,
): Promise<readonly R[] | undefined> {
  const token = headerOf(request, consistencyHeader);
  // Without a token nothing is waited for.
  const gone = token === undefined ? NEVER : goneSignal(reply);
  const result: ReadResult<R> = await deps.reader.read<R>(statement, token, gone);
  switch (result.kind) {
    case 'rows':
      return result.rows;
    case 'invalid':
      sendProblem(reply, 'invalid', { detail: `${consistencyHeader}: not a token of this service` });
      return undefined;
    case 'foreign':
      sendProblem(reply, 'tokenForeign');
      return undefined;
    case 'behind':
      deps.metrics.readsBehind.inc();
      sendProblem(reply, 'behind');
      return undefined;
    case 'overloaded':
      deps.metrics.refused.inc({ reason: 'overloaded' });
      sendProblem(reply, 'overloaded');
      return undefined;
    case 'notReady':
      sendProblem(reply, 'notReady');
      return undefined;
  }
}
