import type { FastifyReply, FastifyRequest } from 'fastify';
import { tenantHeader } from '../../contract/http.ts';

const TENANT = /^[A-Za-z0-9._:-]{1,128}$/;

export const TENANT_MISSING = { detail: `${tenantHeader} is missing or not valid` };

/** Every request says for whom it is: nothing is read or written across tenants. */
export function tenantOf(request: FastifyRequest): string | undefined {
  const tenant = headerOf(request, tenantHeader);
  return tenant !== undefined && TENANT.test(tenant) ? tenant : undefined;
}

export function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}

const GONE = 'the answer is out, or its client has gone';

/** Aborted once the answer is out, or the client has gone: nothing needs to be waited for any more. */
export function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  // A reason of our own: the one that `abort` makes is an exception with a stack, a part of what a read costs.
  // A client that has gone by now does not go once more.
  if (reply.raw.destroyed) gone.abort(GONE);
  else reply.raw.once('close', () => gone.abort(GONE));
  return gone.signal;
}
