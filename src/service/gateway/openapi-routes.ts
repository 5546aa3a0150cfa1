import type { FastifyInstance } from 'fastify';
import { docsPage } from './docs-page.ts';
import { openApiDocument } from './openapi.ts';

/** Nothing may be loaded into the page, wherever its text came from. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

/** Adds `/openapi.json` for programs and `/docs` for people; both are made once. */
export function addDocRoutes(app: FastifyInstance): void {
  const document = JSON.stringify(openApiDocument());
  const page = docsPage();
  app.get('/openapi.json', async (_request, reply) => reply.type('application/json').send(document));
  app.get('/docs', async (_request, reply) =>
    reply.header('content-security-policy', POLICY).type('text/html; charset=utf-8').send(page),
  );
}
