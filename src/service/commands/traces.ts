import type { Logger } from 'pino';
import type { InRecord } from '../../clients/kafka/ports.ts';
import { type Decision, TOPICS } from '../../contract/records.ts';
import { traceparentOf } from '../domain/codec.ts';
import { type Sending, startSending, startTaking } from '../telemetry/messaging.ts';
import type { SpanAttributes, Tracing } from '../telemetry/spans.ts';
import { parseTraceparent } from '../telemetry/traceparent.ts';

/** A decision of this command was made. Answers the span of sending its event, when its trace is recorded. */
export type OnDecision = (decision: Decision, command: InRecord) => Sending | undefined;

/** Traces and logs the decisions of a partition. Undefined: there is nothing to do for any of them. */
export function followDecisions(
  partition: number,
  { tracing, log }: { readonly tracing?: Tracing | undefined; readonly log: Logger },
): OnDecision | undefined {
  const isLogged = log.isLevelEnabled('debug');
  if (tracing === undefined && !isLogged) return undefined;
  return (decision, command) => {
    if (isLogged) log.debug(lineOf(decision, command), 'decided');
    return tracing && sendingOf(tracing, partition, decision, command);
  };
}

/** For those who look for one decision: without what was asked for. */
function lineOf({ decision, commandOffset, tenant, eventId }: Decision, { headers }: InRecord) {
  const trace = parseTraceparent(traceparentOf(headers)?.toString('latin1'))?.traceId;
  return { trace, tenant, operation: eventId, decision, commandOffset };
}

/** Deciding takes microseconds and is over: its span is there for what it says and for what is below it. */
function sendingOf(
  tracing: Tracing,
  partition: number,
  decision: Decision,
  record: InRecord,
): Sending | undefined {
  const parent = tracing.ofRecord(record.headers);
  if (parent === undefined) return undefined;
  const attributes: SpanAttributes = {
    'uplift.decision': decision.decision,
    ...(decision.tenant === null ? {} : { 'uplift.tenant': decision.tenant }),
    ...(decision.eventId === null ? {} : { 'uplift.operation': decision.eventId }),
  };
  const taken = { topic: TOPICS.commands, partition, record, parent, operation: 'decide' };
  const deciding = startTaking(tracing, taken);
  deciding.end(attributes);
  return startSending(tracing, { topic: TOPICS.events, partition, parent: deciding.context, attributes });
}
