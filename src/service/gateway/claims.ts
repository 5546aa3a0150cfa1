import type { Sql } from '../../clients/postgres/index.ts';
import type { Claims } from '../../clients/redis/index.ts';
import { reasonOf } from '../../core/error.ts';
import { withDeadline } from '../../core/wait.ts';
import { QUESTION_MS } from '../runtime/probes.ts';
import { type ClaimStore, firstOf } from './claims-first-of.ts';
import { anyClaims, postgresClaims } from './claims-postgres.ts';

export interface GatewayClaims extends ClaimStore {
  /** Asks Redis, and Postgres what it holds from a time without it; throws only when neither takes claims. */
  probe(): Promise<string>;
  /** Where claims went when that was last asked. */
  where(): 'redis' | 'postgres' | 'nowhere' | 'notAsked';
  close(): Promise<void>;
}

export interface GatewayClaimsDeps {
  readonly redis: Claims;
  readonly sql: Sql;
  readonly onFallback: () => void;
  readonly onCrossed: () => void;
}

/** Two of these are a part of what a request may take; Postgres answers a look in a millisecond. */
const LOOK_MS = 500;

/** Claims of idempotency keys as the gateway uses them: in Redis, in Postgres while that is away. Closes Redis only. */
export function openGatewayClaims({ redis, sql, onFallback, onCrossed }: GatewayClaimsDeps): GatewayClaims {
  // Until Postgres has said that it holds none, it is looked at: nobody knows what happened before this process began.
  let fallbackHolds = true;
  let asked = 0;
  // A look that cannot be answered would only slow every request down: Redis's grant counts then.
  let postgresAnswers = true;
  let where: ReturnType<GatewayClaims['where']> = 'notAsked';
  const postgres = postgresClaims(sql, onCrossed);
  const look = (key: string): Promise<string | undefined> =>
    withDeadline('a look at the claims in Postgres', LOOK_MS, postgres.look(key));
  const store = firstOf(
    redis,
    { ...postgres, look },
    {
      fallbackHolds: () => fallbackHolds && postgresAnswers,
      onFallback: () => {
        fallbackHolds = true;
        asked += 1;
        onFallback();
      },
      onCrossed,
    },
  );
  return {
    ...store,
    async probe() {
      const askedBefore = asked;
      // Each has its own end: one that hangs must not hide that the other one answers.
      const [inRedis, inPostgres] = await Promise.allSettled([
        withDeadline('Redis', QUESTION_MS, redis.probe()),
        withDeadline('Postgres', QUESTION_MS, anyClaims(sql)),
      ]);
      postgresAnswers = inPostgres.status === 'fulfilled';
      // A claim that was granted while this question was on its way may not be in its answer.
      if (inPostgres.status === 'fulfilled' && asked === askedBefore) fallbackHolds = inPostgres.value;
      where = inRedis.status === 'fulfilled' ? 'redis' : postgresAnswers ? 'postgres' : 'nowhere';
      if (inRedis.status === 'fulfilled')
        return `Redis takes them${fallbackHolds ? '; Postgres holds some of a time without it' : ''}`;
      if (inPostgres.status === 'rejected') throw inRedis.reason;
      return `Postgres takes them: ${reasonOf(inRedis.reason)}`;
    },
    where: () => where,
    close: () => redis.close(),
  };
}
