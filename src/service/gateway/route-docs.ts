import { z } from 'zod';
import {
  acknowledgedSchema,
  changeReservationSchema,
  consistencyHeader,
  createReservationSchema,
  decidedSchema,
  idempotencyHeader,
  operationSchema,
  reservationListSchema,
  reservationSchema,
  resourceListQuerySchema,
  tenantHeader,
  tenantListQuerySchema,
} from '../../contract/http.ts';
import { nameSchema } from '../../contract/records.ts';
import type { ProblemKind } from './problems.ts';

/** A header that a route looks at. */
export interface HeaderDoc {
  readonly name: string;
  readonly required: boolean;
  readonly says: string;
}

/** An answer with a body of its own, JSON unless it says otherwise. */
export interface AnswerDoc {
  readonly name: string;
  readonly says: string;
  readonly schema: z.ZodType;
  readonly contentType?: string;
}

/** A `/v1` route as it is described; the schemas are those that it validates and answers with. */
export interface RouteDoc {
  readonly method: 'get' | 'post' | 'patch' | 'delete';
  /** As Fastify writes it. */
  readonly url: string;
  readonly summary: string;
  readonly params: Readonly<Record<string, z.ZodType>>;
  readonly query?: z.ZodObject;
  readonly headers: readonly HeaderDoc[];
  readonly body?: { readonly name: string; readonly schema: z.ZodType };
  /** Answers with a body of their own, by status. */
  readonly answers: Readonly<Record<number, AnswerDoc>>;
  readonly problems: readonly ProblemKind[];
}

const tenant: HeaderDoc = { name: tenantHeader, required: true, says: 'For whom it is asked.' };
const writeHeaders: readonly HeaderDoc[] = [
  {
    name: idempotencyHeader,
    required: true,
    says: 'The same key and payload are the same operation. Bare or in quotes: one key.',
  },
  tenant,
  { name: 'prefer', required: false, says: 'wait=N: answer the decision if there is one within N seconds.' },
  {
    name: 'traceparent',
    required: false,
    says: 'W3C trace context; it goes with the command and its event.',
  },
];
const readHeaders: readonly HeaderDoc[] = [
  tenant,
  {
    name: consistencyHeader,
    required: false,
    says: 'A token from an answer: the read shows at least the effect of that operation.',
  },
];
const id = z.string();
const acknowledged = {
  name: 'Acknowledged',
  says: 'The command stands in Kafka on all in-sync replicas. Location: the operation.',
  schema: acknowledgedSchema,
};
const decided = (says: string) => ({ name: 'Decided', says, schema: decidedSchema });
/** Of a write about a reservation that is there. */
const changed = (says: string) => ({
  params: { id },
  headers: writeHeaders,
  answers: { 200: decided(says), 202: acknowledged },
});

const asks: readonly ProblemKind[] = ['invalid', 'rateLimited', 'notReady'];
const writes: readonly ProblemKind[] = [
  ...asks,
  'keyMissing',
  'keyRunning',
  'keyReused',
  'outcomeUnknown',
  'overloaded',
  'expired',
  'rejected',
];
const exists: readonly ProblemKind[] = [...writes, 'notFound'];
const reads: readonly ProblemKind[] = [...asks, 'overloaded', 'tokenForeign', 'behind'];

const WRITES: readonly RouteDoc[] = [
  {
    method: 'post',
    url: '/v1/reservations',
    summary: 'Reserve units of a resource for a slot, or hold them',
    params: {},
    headers: writeHeaders,
    body: { name: 'CreateReservation', schema: createReservationSchema },
    answers: { 201: decided('It is reserved. Location: the reservation.'), 202: acknowledged },
    problems: [...writes, 'full', 'past', 'tooLarge', 'holdTooLong', 'idTaken'],
  },
  {
    method: 'post',
    url: '/v1/reservations/:id/confirm',
    summary: 'Confirm a held reservation before its hold ends',
    ...changed('It is confirmed.'),
    problems: [...exists, 'holdEnded', 'notHeld'],
  },
  {
    method: 'patch',
    url: '/v1/reservations/:id',
    summary: 'Move a reservation within its resource, or change its quantity',
    ...changed('It is changed.'),
    body: { name: 'ChangeReservation', schema: changeReservationSchema },
    problems: [...exists, 'otherResource', 'full', 'past', 'tooLarge', 'holdEnded'],
  },
  {
    method: 'delete',
    url: '/v1/reservations/:id',
    summary: 'Cancel a reservation',
    ...changed('It is cancelled.'),
    problems: exists,
  },
];

const READS: readonly RouteDoc[] = [
  {
    method: 'get',
    url: '/v1/reservations/:id',
    summary: 'A reservation',
    params: { id },
    headers: readHeaders,
    answers: { 200: { name: 'Reservation', says: 'As the projection has it.', schema: reservationSchema } },
    problems: [...reads, 'notFound'],
  },
  {
    method: 'get',
    url: '/v1/reservations',
    summary: 'Reservations of the tenant, oldest first',
    params: {},
    query: tenantListQuerySchema,
    headers: readHeaders,
    answers: { 200: { name: 'ReservationList', says: 'A page.', schema: reservationListSchema } },
    problems: reads,
  },
  {
    method: 'get',
    url: '/v1/resources/:resource/reservations',
    summary: 'Reservations of a resource whose slot starts in [from, to), in that order',
    params: { resource: nameSchema },
    query: resourceListQuerySchema,
    headers: readHeaders,
    answers: { 200: { name: 'ReservationList', says: 'A page.', schema: reservationListSchema } },
    problems: reads,
  },
  {
    method: 'get',
    url: '/v1/operations/:id',
    summary: 'The first decision of an operation',
    params: { id },
    headers: readHeaders,
    answers: { 200: { name: 'Operation', says: 'It is decided.', schema: operationSchema } },
    problems: [...reads, 'notFound'],
  },
];

/** Every `/v1` route of the gateway. */
export const ROUTE_DOCS: readonly RouteDoc[] = [...WRITES, ...READS];
