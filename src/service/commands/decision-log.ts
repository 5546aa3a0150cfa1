import type { Logger } from 'pino';
import type { InRecord } from '../../clients/kafka/ports.ts';
import type { Decision } from '../../contract/records.ts';
import { traceparentOf } from '../domain/codec.ts';
import { parseTraceparent } from '../telemetry/traceparent.ts';

/** A line per decision for those who look for one, without what was asked for; undefined at the usual levels. */
export function decisionLog(log: Logger): ((decision: Decision, record: InRecord) => void) | undefined {
  if (!log.isLevelEnabled('debug')) return undefined;
  return ({ decision, commandOffset, tenant, eventId }, { headers }) => {
    const trace = parseTraceparent(traceparentOf(headers)?.toString('latin1'))?.traceId;
    log.debug({ trace, tenant, operation: eventId, decision, commandOffset }, 'decided');
  };
}
