import Fastify from 'fastify';
import { describe, expect, test } from 'vitest';
import { PROBLEMS } from '../../contract/http.ts';
import { docsPage } from './docs-page.ts';
import { openApiDocument, pathOf } from './openapi.ts';
import { addReadRoutes } from './read-routes.ts';
import { ROUTE_DOCS } from './route-docs.ts';
import { setUp } from './testing/gateway.ts';
import { addWriteRoutes } from './write-routes.ts';

const document = openApiDocument() as {
  openapi: string;
  paths: Record<string, Record<string, unknown>>;
  components: { schemas: Record<string, unknown> };
};

describe('the OpenAPI document', () => {
  test('describes every /v1 route of the gateway and none besides', () => {
    const app = Fastify({ exposeHeadRoutes: false });
    const routes: string[] = [];
    app.addHook('onRoute', ({ method, url }) => {
      routes.push(`${String(method).toLowerCase()} ${url}`);
    });
    addWriteRoutes(app, {} as Parameters<typeof addWriteRoutes>[1]);
    addReadRoutes(app, {} as Parameters<typeof addReadRoutes>[1]);
    expect(routes.sort()).toEqual(ROUTE_DOCS.map(({ method, url }) => `${method} ${url}`).sort());
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(described.sort()).toEqual(ROUTE_DOCS.map((route) => `${route.method} ${pathOf(route)}`).sort());
  });

  test('has what it refers to, and names every type of problem', () => {
    const text = JSON.stringify(document);
    const refs = new Set(
      [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name),
    );
    expect([...refs].sort()).toEqual(Object.keys(document.components.schemas).sort());
    for (const type of Object.values(PROBLEMS)) expect(text).toContain(type);
    expect(document.openapi).toBe('3.1.0');
  });

  test('is served, and so is a page for people that loads nothing from elsewhere', async () => {
    const { app } = setUp();
    const json = await app.inject('/openapi.json');
    expect([json.statusCode, json.json()]).toEqual([200, document]);
    const page = await app.inject('/docs');
    expect(page.headers['content-type']).toContain('text/html');
    expect(page.body).toBe(docsPage());
    expect(page.body).not.toMatch(/<script|src=|https?:|url\(|@import/);
    for (const { url } of ROUTE_DOCS) expect(page.body).toContain(url);
    await app.close();
  });
});
