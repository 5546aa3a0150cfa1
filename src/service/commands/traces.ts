import type { InRecord } from '../../clients/kafka/ports.ts';
import { type Decision, TOPICS } from '../../contract/records.ts';
import { type Sending, startSending, startTaking } from '../telemetry/messaging.ts';
import type { OpenSpan, SpanAttributes, Tracing } from '../telemetry/spans.ts';

/** The span of deciding one command. */
export interface Deciding {
  /** It was decided: from now on the decision is on its way into the events. */
  decided(decision: Decision): Sending;
}

/** Begins the span of deciding a command; undefined for one whose trace is not recorded. */
export type BeginDeciding = (partition: number, record: InRecord) => Deciding | undefined;

export function decidingOf(tracing: Tracing): BeginDeciding {
  return (partition, record) => {
    const parent = tracing.ofRecord(record.headers);
    if (parent === undefined) return undefined;
    const topic = TOPICS.commands;
    const span = startTaking(tracing, { topic, partition, record, parent, operation: 'decide' });
    return { decided: (decision) => decided(tracing, span, partition, decision) };
  };
}

function decided(tracing: Tracing, span: OpenSpan, partition: number, decision: Decision): Sending {
  const attributes: SpanAttributes = {
    'uplift.decision': decision.decision,
    ...(decision.tenant === null ? {} : { 'uplift.tenant': decision.tenant }),
    ...(decision.eventId === null ? {} : { 'uplift.operation': decision.eventId }),
  };
  span.end(attributes);
  return startSending(tracing, { topic: TOPICS.events, partition, parent: span.context, attributes });
}
