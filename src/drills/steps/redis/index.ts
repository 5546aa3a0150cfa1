import type { AnyStepKind } from '../../../steps/kind.ts';
import type { RedisStepContext } from './args.ts';
import { failoverRedisStep } from './failover.ts';
import { holdRedisStep } from './hold.ts';
import { killRedisStep } from './kill.ts';

export type { RedisStepContext };
export { failoverRedisStep, holdRedisStep, killRedisStep };

/** Every kind that acts on Redis. */
export const redisKinds: readonly AnyStepKind<RedisStepContext>[] = [
  holdRedisStep,
  killRedisStep,
  failoverRedisStep,
];
