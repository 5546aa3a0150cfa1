import type { FastifyRequest } from 'fastify';
import { tenantHeader } from '../../contract/http.ts';

const TENANT = /^[A-Za-z0-9._:-]{1,128}$/;

export const TENANT_MISSING = { detail: `${tenantHeader} is missing or not valid` };
export const OPERATION_ID = /^[0-9a-f]{32}$/;
export const RESERVATION_ID = /^[0-9a-z-]{1,64}$/;

/** Every request says for whom it is: nothing is read or written across tenants. */
export function tenantOf(request: FastifyRequest): string | undefined {
  const tenant = header(request, tenantHeader);
  return tenant !== undefined && TENANT.test(tenant) ? tenant : undefined;
}

/** A header that came once. */
export function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}
