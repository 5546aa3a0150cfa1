import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { QuotaPolicy, Quotas, Taken } from '../../clients/redis/index.ts';
import type { Adapters } from '../adapters.ts';
import { redisTarget, type Settings } from '../env.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { Optional } from '../runtime/optional.ts';
import { retryAfterS, sendProblem } from './problems.ts';

export interface TenantLimiterOptions {
  readonly quotas: Quotas;
  readonly policy: QuotaPolicy;
  readonly metrics: Pick<Metrics, 'rateLimited' | 'rateLimitSkipped'>;
}

/** No tenant can be called so. */
const NOBODY = '(nobody)';

/** Limits a tenant over all gateways. Without Redis nobody is limited, which is counted. */
export class TenantLimiter {
  readonly policy: QuotaPolicy;
  readonly #options: TenantLimiterOptions;
  readonly #redis = new Optional();

  constructor(options: TenantLimiterOptions) {
    this.#options = options;
    this.policy = options.policy;
  }

  close(): Promise<void> {
    return this.#options.quotas.close();
  }

  /** Counts once for nobody, so that no request is the first to need the script; false: Redis does not answer. Never throws. */
  async warm(): Promise<boolean> {
    const { quotas, policy } = this.#options;
    return (await this.#redis.ask(() => quotas.take(NOBODY, policy))) !== undefined;
  }

  /** Undefined: Redis does not answer, so the request goes on. Never throws. */
  async take(tenant: string): Promise<Taken | undefined> {
    const { quotas, policy, metrics } = this.#options;
    const taken = await this.#redis.ask(() => quotas.take(tenant, policy));
    if (taken === undefined) metrics.rateLimitSkipped.inc();
    else if (!taken.allowed) metrics.rateLimited.inc();
    return taken;
  }
}

/** Limiting must not slow a request down by much: a Redis that takes longer does not limit. */
const QUOTA_TIMEOUT_MS = 250;

/** Opens the limiter that the environment asks for, if any; the caller closes it. */
export function openLimiter(
  adapters: Pick<Adapters, 'openQuotas'>,
  settings: Settings,
  metrics: Metrics,
): TenantLimiter | undefined {
  const policy = settings.RATE_LIMIT_PER_TENANT;
  if (policy === undefined) return undefined;
  const target = redisTarget(settings);
  const timeoutMs = Math.min(target.timeoutMs, QUOTA_TIMEOUT_MS);
  return new TenantLimiter({ quotas: adapters.openQuotas({ ...target, timeoutMs }), policy, metrics });
}

/** RateLimit-Policy and RateLimit as in draft-ietf-httpapi-ratelimit-headers-10; `t`: seconds until more is available. */
export function rateLimitFields(policy: QuotaPolicy, taken: Taken): Readonly<Record<string, string>> {
  return {
    'ratelimit-policy': `"tenant";q=${policy.quota};w=${Math.ceil(policy.windowMs / 1000)}`,
    ratelimit: `"tenant";r=${taken.remaining};t=${retryAfterS(taken.nextMs)}`,
  };
}

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
    if (!taken.allowed) return sendProblem(reply, 'rateLimited', { retryAfterS: retryAfterS(taken.nextMs) });
  });
}
