import type { FastifyReply } from 'fastify';
import { PROBLEMS, type Problem } from '../../contract/http.ts';

export type ProblemKind = keyof typeof PROBLEMS;

export const STATUS: Readonly<Record<ProblemKind, { readonly status: number; readonly title: string }>> = {
  invalid: { status: 400, title: 'The request is not valid' },
  keyMissing: { status: 400, title: 'The Idempotency-Key header is missing or not valid' },
  keyRunning: { status: 409, title: 'A request with this Idempotency-Key is still running' },
  keyReused: { status: 422, title: 'This Idempotency-Key was used for another payload' },
  notFound: { status: 404, title: 'Not found' },
  notReady: { status: 503, title: 'The service cannot take this now; nothing was sent' },
  outcomeUnknown: {
    status: 503,
    title: 'The outcome is not known; ask for the operation, or send again with the same key',
  },
  overloaded: { status: 503, title: 'Too much at once; nothing was done' },
  rateLimited: { status: 429, title: 'This tenant asks too often; nothing was done' },
  otherResource: { status: 422, title: 'A reservation moves within its resource only' },
  tokenForeign: { status: 412, title: 'The consistency token is of another region or another log' },
  behind: { status: 503, title: 'The projection has not got to the token yet' },
  full: { status: 409, title: 'The resource has no room for it' },
  holdEnded: { status: 409, title: 'The hold has ended' },
  notHeld: { status: 409, title: 'The reservation is not held: nothing to confirm' },
  idTaken: { status: 409, title: 'The id of the reservation was taken; ask again with a new key' },
  expired: { status: 409, title: 'It was not decided in time and has no effect; ask again with a new key' },
  past: { status: 422, title: 'The slot lies in the past' },
  tooLarge: { status: 422, title: 'The quantity is more than the rules allow' },
  holdTooLong: { status: 422, title: 'The hold is longer than the rules allow' },
  rejected: { status: 409, title: 'The request was rejected' },
};

const RETRY_AFTER_S = 1;

/** Retry-After counts whole seconds, and 0 would be "at once". */
export const retryAfterS = (ms: number): number => Math.max(RETRY_AFTER_S, Math.ceil(ms / 1000));

/** Answers an RFC 9457 problem. 503s, 429s and a key that is in use carry Retry-After; an unknown outcome its operation. */
export function sendProblem(
  reply: FastifyReply,
  kind: ProblemKind,
  extra: {
    readonly detail?: string;
    readonly operation?: string;
    readonly status?: number;
    readonly retryAfterS?: number;
  } = {},
): FastifyReply {
  const { title } = STATUS[kind];
  const status = extra.status ?? STATUS[kind].status;
  const body: Problem = {
    type: PROBLEMS[kind],
    title,
    status,
    ...(extra.detail === undefined ? {} : { detail: extra.detail }),
    ...(extra.operation === undefined ? {} : { operation: extra.operation }),
  };
  if (status === 503 || kind === 'keyRunning' || extra.retryAfterS !== undefined)
    reply.header('retry-after', String(extra.retryAfterS ?? RETRY_AFTER_S));
  if (extra.operation !== undefined) reply.header('location', extra.operation);
  return reply.code(status).type('application/problem+json').send(JSON.stringify(body));
}
