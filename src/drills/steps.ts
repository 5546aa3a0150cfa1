import { stepRegistry } from '../steps/kind.ts';
import { type KafkaStepContext, kafkaKinds } from './steps/kafka/index.ts';
import { postgresKinds } from './steps/postgres/index.ts';
import { type ManagedStepContext, managedKinds } from './steps/postgres/managed.ts';
import type { PostgresStepContext } from './steps/postgres/set.ts';
import { type RedisStepContext, redisKinds } from './steps/redis/index.ts';
import { type ServiceStepContext, serviceKinds } from './steps/service/index.ts';

/** What the steps of all drills act through. */
export interface DrillStepContext
  extends KafkaStepContext,
    PostgresStepContext,
    ManagedStepContext,
    RedisStepContext,
    ServiceStepContext {}

/** Every kind a drill's journal may hold. */
export const drillSteps = stepRegistry<DrillStepContext>([
  ...kafkaKinds,
  ...postgresKinds,
  ...managedKinds,
  ...redisKinds,
  ...serviceKinds,
]);
