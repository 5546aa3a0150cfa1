import type { Check } from './check.ts';
import { brokersAndRacks } from './kafka/brokers.ts';
import { topicDurability } from './kafka/durability.ts';
import { topicRetention } from './kafka/retention.ts';
import { writerAndReplicas } from './postgres/replication.ts';
import { projectionFreshness } from './projection/freshness.ts';
import { redisSlots } from './redis/slots.ts';
import { serviceReady } from './service/ready.ts';

/** Every check there is, in the order people read them: from the log to what is built on it. */
export const CHECKS: readonly Check[] = [
  brokersAndRacks,
  topicDurability,
  topicRetention,
  writerAndReplicas,
  redisSlots,
  serviceReady,
  projectionFreshness,
];
