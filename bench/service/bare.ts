/**
 * What a gateway costs beside: Fastify with nothing but the same checks of the same headers, ids and bodies, by the same
 * schemas, and answers of the same shape. No store, no log, no ids, no metrics. With an environment that names servers
 * (`KAFKA_BROKERS`) it also makes the calls of a gateway, by the same clients, and believes whatever they answer: what is
 * above that is what the gateway makes of them. Prints its port; ends with its stdin.
 */
import Fastify from 'fastify';
import {
  createReservationSchema,
  idempotencyHeader,
  type Reservation,
  reservationSchema,
  tenantHeader,
} from '../../src/contract/http.ts';
import { nameSchema } from '../../src/contract/records.ts';
import { idempotencyKeyOf } from '../../src/service/gateway/idempotency-key.ts';
import { openCalls } from './calls.ts';

const ID = /^[0-9a-z-]{1,64}$/;
const OPERATION = '0123456789abcdef0123456789abcdef';
const TOKEN = Buffer.from('["v1","local","AAAAAAAAAAAAAAAAAAAAAA",11,"123456"]').toString('base64url');
const INVALID = {
  type: 'urn:uplift:problem:invalid-request',
  title: 'The request is not valid',
  status: 400,
};

const rowOf = (reservationId: string, tenant: string): Reservation => ({
  reservationId,
  tenant,
  resource: 'room-1',
  slot: { start: '2040-01-01T00:00:00.000Z', end: '2040-01-01T01:00:00.000Z' },
  quantity: 1,
  status: 'active',
  holdUntil: null,
  version: 1,
  operationId: OPERATION,
});

const calls = process.env.KAFKA_BROKERS === undefined ? undefined : await openCalls();
const app = Fastify();

app.post('/v1/reservations', async (request, reply) => {
  const field = request.headers[idempotencyHeader];
  const key = typeof field === 'string' ? idempotencyKeyOf(field) : undefined;
  const tenant = nameSchema.safeParse(request.headers[tenantHeader]);
  const body = createReservationSchema.safeParse(request.body);
  if (key === undefined || !tenant.success || !body.success)
    return reply.code(400).type('application/problem+json').send(JSON.stringify(INVALID));
  await calls?.write(`${tenant.data}/${body.data.resource}`, key, JSON.stringify(body.data));
  return reply
    .code(202)
    .header('location', `/v1/operations/${OPERATION}`)
    .send({ operationId: OPERATION, token: TOKEN });
});

app.get<{ Params: { id: string } }>('/v1/reservations/:id', async (request, reply) => {
  const tenant = nameSchema.safeParse(request.headers[tenantHeader]);
  const { id } = request.params;
  if (!tenant.success || !ID.test(id))
    return reply.code(400).type('application/problem+json').send(JSON.stringify(INVALID));
  await calls?.read(tenant.data, id);
  return reservationSchema.parse(rowOf(id, tenant.data));
});

await app.listen({ host: '127.0.0.1', port: 0 });
const address = app.server.address();
process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
process.stdin.resume().once('end', () => process.exit(0));
