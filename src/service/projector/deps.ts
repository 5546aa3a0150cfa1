import type { Logger } from 'pino';
import type { Cluster, Read } from '../../clients/kafka/ports.ts';
import type { Sql } from '../../clients/postgres/index.ts';
import type { EventSchema } from '../../contract/events.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Tracing } from '../telemetry/spans.ts';
import type { DeadLetterBox } from './dead-letters.ts';

/** What one life of the projector works with. */
export interface ProjectorDeps {
  readonly cluster: Cluster;
  readonly read: Read;
  readonly sql: Sql;
  readonly letters: DeadLetterBox;
  /** Newest event schema that is read; events of a newer one are put aside. */
  readonly eventSchema: EventSchema;
  readonly metrics: Metrics;
  /** Undefined: nothing is recorded. */
  readonly tracing?: Tracing | undefined;
  readonly log: Logger;
  readonly owned: readonly number[];
  readonly partitions: number;
  readonly signal: AbortSignal;
}
