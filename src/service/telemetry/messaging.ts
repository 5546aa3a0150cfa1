import type { InRecord } from '../../clients/kafka/ports.ts';
import { isUpliftError } from '../../core/error.ts';
import type { OpenSpan, Recorder, SpanAttributes } from './spans.ts';
import { formatTraceparent, type TraceParent } from './traceparent.ts';

/** A record on its way into Kafka, as a span. */
export interface Sending {
  /** For the record's header. */
  readonly traceparent: string;
  acknowledged(offset: bigint): void;
  failed(error: unknown): void;
}

export interface SendPlan {
  readonly topic: string;
  readonly partition: number;
  readonly parent: TraceParent;
  readonly attributes?: SpanAttributes;
}

/** Attribute names of OpenTelemetry's semantic conventions for messaging, and of Kafka. */
const messaging = (topic: string, partition: number, operation: string, type: string): SpanAttributes => ({
  'messaging.system': 'kafka',
  'messaging.operation.name': operation,
  'messaging.operation.type': type,
  'messaging.destination.name': topic,
  'messaging.destination.partition.id': String(partition),
});

/** Begins the span of sending one record. */
export function startSending(recorder: Recorder, plan: SendPlan): Sending {
  const { topic, partition, parent, attributes } = plan;
  const span = recorder.start({
    name: `send ${topic}`,
    kind: 'producer',
    parent,
    attributes: { ...messaging(topic, partition, 'send', 'send'), ...attributes },
  });
  return {
    traceparent: formatTraceparent(span.context),
    acknowledged: (offset) => span.end({ 'messaging.kafka.offset': Number(offset) }),
    failed: (error) => span.end({}, errorType(error)),
  };
}

export interface TakePlan {
  readonly topic: string;
  readonly partition: number;
  readonly record: Pick<InRecord, 'offset'>;
  readonly parent: TraceParent;
  /** What is done with it: `decide`, `apply`. */
  readonly operation: string;
  readonly startMs?: number;
}

/** Begins the span of working on one record that was read. */
export function startTaking(recorder: Recorder, plan: TakePlan): OpenSpan {
  const { topic, partition, record, parent, operation, startMs } = plan;
  return recorder.start({
    name: `${operation} ${topic}`,
    kind: 'consumer',
    parent,
    attributes: {
      ...messaging(topic, partition, operation, 'process'),
      'messaging.kafka.offset': Number(record.offset),
    },
    ...(startMs === undefined ? {} : { startMs }),
  });
}

/** A type of few values, never a message: messages may quote what they are about. */
export function errorType(error: unknown): string {
  if (isUpliftError(error)) return error.code;
  return error instanceof Error ? error.name : 'unknown';
}
