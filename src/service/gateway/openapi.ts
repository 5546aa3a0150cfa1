import { z } from 'zod';
import { PROBLEMS, problemSchema } from '../../contract/http.ts';
import { type ProblemKind, STATUS } from './problems.ts';
import { ROUTE_DOCS, type RouteDoc } from './route-docs.ts';

type Json = Readonly<Record<string, unknown>>;

/** Of requests with a body, besides what is wrong in it: too large, no JSON. */
const BODY_STATUSES = [413, 415];

/** Statuses that a route answers with a problem, and the types of the problems. */
export function problemsByStatus(route: RouteDoc): ReadonlyMap<number, readonly ProblemKind[]> {
  const byStatus = new Map<number, ProblemKind[]>();
  const add = (status: number, kind: ProblemKind) =>
    byStatus.set(status, [...(byStatus.get(status) ?? []), kind]);
  for (const kind of route.problems) add(STATUS[kind].status, kind);
  if (route.method !== 'get') for (const status of BODY_STATUSES) add(status, 'invalid');
  return byStatus;
}

/** What a set of routes is called. */
export interface ApiInfo {
  readonly title: string;
  readonly version: string;
  readonly description: string;
}

export const GATEWAY_INFO: ApiInfo = {
  title: 'Reservations',
  version: '1',
  description:
    'The reference reservation service of uplift. Every change goes through a log: 202 says that it stands there, ' +
    'the operation says what was decided. Errors are problems as in RFC 9457.',
};

/** The OpenAPI 3.1 document of routes, of the gateway's if not of others, from the schemas that they validate and answer with. Pure. */
export function openApiDocument(
  routes: readonly RouteDoc[] = ROUTE_DOCS,
  info: ApiInfo = GATEWAY_INFO,
): Json {
  const schemas: Record<string, unknown> = {};
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const path = pathOf(route);
    paths[path] = { ...paths[path], [route.method]: operationOf(route) };
    if (route.body !== undefined) schemas[route.body.name] = jsonSchema(route.body.schema, 'input');
    for (const { name, schema } of Object.values(route.answers)) schemas[name] = jsonSchema(schema, 'output');
  }
  return {
    openapi: '3.1.0',
    info,
    paths,
    components: { schemas: { ...schemas, Problem: jsonSchema(problemSchema, 'output') } },
  };
}

/** `/v1/reservations/{id}` for `/v1/reservations/:id`. */
export const pathOf = ({ url }: RouteDoc): string => url.replaceAll(/:(\w+)/g, '{$1}');

function operationOf(route: RouteDoc): Json {
  const parameters = [
    ...Object.entries(route.params).map(([name, schema]) => ({
      name,
      in: 'path',
      required: true,
      schema: jsonSchema(schema, 'input'),
    })),
    ...Object.entries(route.query?.shape ?? {}).map(([name, schema]) => ({
      name,
      in: 'query',
      required: false,
      schema: jsonSchema(schema, 'input'),
    })),
    ...route.headers.map(({ name, required, says }) => ({
      name,
      in: 'header',
      required,
      description: says,
      schema: { type: 'string' },
    })),
  ];
  return {
    summary: route.summary,
    parameters,
    ...(route.body === undefined
      ? {}
      : {
          requestBody: { required: true, content: { 'application/json': { schema: ref(route.body.name) } } },
        }),
    responses: responsesOf(route),
  };
}

function responsesOf(route: RouteDoc): Json {
  const own = Object.entries(route.answers).map(
    ([status, { name, says, contentType = 'application/json' }]) => [
      status,
      { description: says, content: { [contentType]: { schema: ref(name) } } },
    ],
  );
  const problems = [...problemsByStatus(route)].map(([status, kinds]) => {
    const type = { properties: { type: { enum: kinds.map((kind) => PROBLEMS[kind]) } } };
    const content = { 'application/problem+json': { schema: { allOf: [ref('Problem'), type] } } };
    return [status, { description: kinds.map((kind) => STATUS[kind].title).join('. '), content }];
  });
  return Object.fromEntries([...own, ...problems]);
}

const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });

/** Without `$schema`: in a document of OpenAPI 3.1 that is said once, by its version. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): unknown {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return rest;
}
