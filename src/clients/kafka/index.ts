/**
 * What users of the Kafka clients import. It loads both SDKs; where start-up time counts, import the one module needed
 * (`produce.ts` loads kafkajs, `read.ts`, `cluster.ts`, `groups.ts` and `topics.ts` load @platformatic/kafka, `batcher.ts` neither).
 */
export {
  type Appended,
  type BatcherLimits,
  type BatcherOptions,
  DEFAULT_BATCHER_LIMITS,
  PartitionBatcher,
} from './batcher.ts';
export { openCluster } from './cluster.ts';
export { metadataVersion } from './features.ts';
export type * from './group-ports.ts';
export { openGroups } from './groups.ts';
export { toKafkaJsHeaders } from './headers.ts';
export type * from './ports.ts';
export { openProduce, type ProduceOptions } from './produce.ts';
export { certainlyNotWritten } from './produce-error.ts';
export { openRead, type ReadOptions } from './read.ts';
export type * from './target.ts';
export { openTopics } from './topics.ts';
export { openTrim, type Trim } from './trim.ts';
