import { openProduce } from '../../clients/kafka/produce.ts';
import { openTrim } from '../../clients/kafka/trim.ts';
import { makeOwnTopic } from '../../topics/own-topic.ts';
import type { DrillOptions, DrillPorts } from '../engine/drill.ts';
import { kafkaProbe } from '../probe/kafka.ts';
import type { StoreProbe } from '../probe/probe.ts';
import { PROBE_TOPIC, type ProbeTopic, struckBy } from './probe-topic.ts';

/** Over all partitions: a partition that is struck has something to lose in every tenth of a second. */
const PROBE_PER_S = 100;

/** The probe of a drill on Kafka, with the producer that the service writes with; `victim` undefined: all is struck. */
export function kafkaProbeOf(
  { kafka, read, clock, context: { cluster, topics } }: DrillPorts,
  { runId, timeoutMs }: Pick<DrillOptions, 'runId' | 'timeoutMs'>,
  { partitions, spec }: ProbeTopic,
  victim?: number,
): StoreProbe {
  return kafkaProbe({
    topic: PROBE_TOPIC,
    partitions: partitions.length,
    struck: struckBy(partitions, victim).map(({ partition }) => partition),
    acks: 'acks=all, idempotent',
    async makeTopic() {
      if (spec !== undefined) await makeOwnTopic({ cluster, topics }, PROBE_TOPIC, timeoutMs, () => spec);
    },
    openProduce: () => openProduce(kafka, { once: true }),
    read,
    openTrim: () => openTrim(kafka),
    runId,
    ratePerS: PROBE_PER_S,
    timeoutMs,
    monoNs: () => clock.monoNs(),
  });
}
