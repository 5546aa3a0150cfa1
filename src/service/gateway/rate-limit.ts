import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { QuotaPolicy, Quotas, Taken } from '../../clients/redis/index.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { sendProblem } from './problems.ts';

/** After a failure Redis is left alone for so long: a request must not pay for every try. */
const REST_MS = 1000;

export interface TenantLimiterOptions {
  readonly quotas: Quotas;
  readonly policy: QuotaPolicy;
  readonly metrics: Pick<Metrics, 'rateLimited' | 'rateLimitSkipped'>;
  readonly monoMs?: () => number;
}

/** Limits a tenant over all gateways. Without Redis nobody is limited, which is counted. */
export class TenantLimiter {
  readonly policy: QuotaPolicy;
  readonly #options: TenantLimiterOptions;
  readonly #monoMs: () => number;
  #restUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: TenantLimiterOptions) {
    this.#options = options;
    this.policy = options.policy;
    this.#monoMs = options.monoMs ?? (() => performance.now());
  }

  /** Undefined: Redis does not answer, so the request goes on. Never throws. */
  async take(tenant: string): Promise<Taken | undefined> {
    const { quotas, policy, metrics } = this.#options;
    if (this.#monoMs() >= this.#restUntilMs) {
      try {
        const taken = await quotas.take(tenant, policy);
        if (!taken.allowed) metrics.rateLimited.inc();
        return taken;
      } catch {
        this.#restUntilMs = this.#monoMs() + REST_MS;
      }
    }
    metrics.rateLimitSkipped.inc();
    return undefined;
  }
}

/** RateLimit-Policy and RateLimit as in draft-ietf-httpapi-ratelimit-headers-10; `t`: seconds until more is available. */
export function rateLimitFields(policy: QuotaPolicy, taken: Taken): Readonly<Record<string, string>> {
  return {
    'ratelimit-policy': `"tenant";q=${policy.quota};w=${Math.ceil(policy.windowMs / 1000)}`,
    ratelimit: `"tenant";r=${taken.remaining};t=${seconds(taken.nextMs)}`,
  };
}

const seconds = (ms: number): number => Math.max(1, Math.ceil(ms / 1000));

/** Limits the `/v1` routes of requests that name their tenant, before anything else is done for them. */
export function addRateLimit(
  app: FastifyInstance,
  limiter: TenantLimiter,
  tenantOf: (request: FastifyRequest) => string | undefined,
): void {
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.url?.startsWith('/v1/') !== true) return;
    const tenant = tenantOf(request);
    const taken = tenant === undefined ? undefined : await limiter.take(tenant);
    if (taken === undefined) return;
    reply.headers(rateLimitFields(limiter.policy, taken));
    if (!taken.allowed) return sendProblem(reply, 'rateLimited', { retryAfterS: seconds(taken.nextMs) });
  });
}
