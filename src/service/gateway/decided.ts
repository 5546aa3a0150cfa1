import type { FastifyReply } from 'fastify';
import type { Operation } from '../../contract/http.ts';
import { type ProblemKind, sendProblem } from './problems.ts';

/** What a refusal of the fold is over HTTP. */
const KINDS: Readonly<Record<string, ProblemKind>> = {
  full: 'full',
  'not-found': 'notFound',
  'not-held': 'conflict',
  'hold-ended': 'conflict',
  'id-taken': 'conflict',
  past: 'refused',
  'too-large': 'refused',
  'hold-too-long': 'refused',
};

/** Answers the decision itself (`Prefer: wait`): 201 for what was made, 200 for what was changed, else a problem. */
export function sendDecision(
  reply: FastifyReply,
  operation: Operation,
  made: { readonly isNew: boolean; readonly token: string },
): FastifyReply {
  const { decision, reason, operationId, reservationId } = operation;
  const at = { operation: `/v1/operations/${operationId}` };
  if (decision === 'accepted') {
    const place = made.isNew ? `/v1/reservations/${reservationId}` : at.operation;
    return reply
      .code(made.isNew ? 201 : 200)
      .header('location', place)
      .send({ ...operation, token: made.token });
  }
  const detail = reason ?? decision;
  if (decision === 'expired') return sendProblem(reply, 'expired', { detail, ...at });
  return sendProblem(reply, KINDS[detail] ?? 'refused', { detail, ...at });
}
