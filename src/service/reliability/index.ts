import type { FastifyInstance } from 'fastify';
import type { Sql } from '../../clients/postgres/index.ts';
import type { Settings } from '../env.ts';
import { addDocRoutes } from '../gateway/openapi-routes.ts';
import type { RouteDoc } from '../gateway/route-docs.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { openFacts } from './look.ts';
import { addReliabilityMetrics } from './metrics.ts';
import { Retry } from './retry.ts';
import { RELIABILITY_INFO, RELIABILITY_ROUTES } from './route-docs.ts';
import { addReliabilityRoutes } from './routes.ts';
import { statusOf } from './status.ts';

/**
 * Adds what operators see of reliability to the listener of a role that tenants cannot reach: status, dashboard, retry, their
 * description, and the metrics. All of it stands in Postgres, so a dead sweeper is told of by whoever else serves this.
 */
export async function addReliability(
  app: FastifyInstance,
  {
    sql,
    settings,
    metrics,
    beside = [],
  }: {
    readonly sql: Sql;
    readonly settings: Settings;
    readonly metrics: Pick<Metrics, 'registry'>;
    /** Routes of the role itself, to be described with these. */
    readonly beside?: readonly RouteDoc[];
  },
): Promise<void> {
  const facts = openFacts(sql);
  const by = { region: settings.UPLIFT_REGION, instance: settings.INSTANCE };
  await addReliabilityRoutes(app, {
    status: async () => statusOf(await facts.all(), by, Date.now()),
    retry: new Retry(sql),
    hosts: [settings.HTTP_HOST, ...(settings.OPERATOR_HOSTS ?? [])],
    nowMs: Date.now,
  });
  addDocRoutes(app, [...beside, ...RELIABILITY_ROUTES], RELIABILITY_INFO);
  addReliabilityMetrics(metrics.registry, () => facts.all(), Date.now);
}
