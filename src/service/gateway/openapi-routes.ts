import type { FastifyInstance } from 'fastify';
import { docsPage } from './docs-page.ts';
import { type ApiInfo, GATEWAY_INFO, openApiDocument } from './openapi.ts';
import { ROUTE_DOCS, type RouteDoc } from './route-docs.ts';

/** Nothing may be loaded into the page, wherever its text came from. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

/** Adds `/openapi.json` for programs and `/docs` for people; both are made once, of the gateway's routes if not of others. */
export function addDocRoutes(
  app: FastifyInstance,
  routes: readonly RouteDoc[] = ROUTE_DOCS,
  info: ApiInfo = GATEWAY_INFO,
): void {
  const document = JSON.stringify(openApiDocument(routes, info));
  const page = docsPage(routes, info);
  app.get('/openapi.json', async (_request, reply) => reply.type('application/json').send(document));
  app.get('/docs', async (_request, reply) =>
    reply.header('content-security-policy', POLICY).type('text/html; charset=utf-8').send(page),
  );
}
