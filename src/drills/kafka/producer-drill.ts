import { runChecks } from '../../checks/check.ts';
import { CHECKS } from '../../checks/registry.ts';
import { PRODUCER_SETTINGS } from '../../clients/kafka/producer-settings.ts';
import { TOPICS } from '../../contract/records.ts';
import type { Json } from '../../core/step.ts';
import { stepOf } from '../../steps/kind.ts';
import type { Drill, DrillOptions, DrillPorts, FaultWatch, Preparation } from '../engine/drill.ts';
import { notMet } from '../engine/refuse.ts';
import { nameOf } from '../names.ts';
import { holdTopologyStep } from '../steps/kafka/hold.ts';
import { moveLeadersStep, type Place } from '../steps/kafka/move-leaders.ts';
import type { Planned } from './broker-drill.ts';
import { lookFurther } from './look.ts';
import { closing, clusterFailure, quorumWatchOf } from './looks.ts';
import { preferredLeaders, preflightOf, quietCluster, throttlesRead } from './preflight.ts';
import { kafkaProbeOf } from './probe.ts';
import { lookAtProbeTopic, PROBE_TOPIC, type ProbeTopic, probeTopicOf } from './probe-topic.ts';
import { remainingDifferences } from './settle.ts';
import type { KafkaTopology } from './topology.ts';

/** So often leadership moves; a producer that loses records at a change of leader has lost some by then. */
const ROUNDS = 4;
const EVERY_MS = 3000;
/** What the service writes: the topics whose producers are tried. */
const WRITTEN: readonly string[] = [TOPICS.commands, TOPICS.events];

/**
 * Moves leadership under load while every broker is well: no fault at all. A producer with several sends of one partition
 * under way, or one send over several partitions, loses acknowledged records here (tulios/kafkajs #1303).
 */
export const producerSafety: Drill = {
  ...nameOf('kafka-producer-safety'),
  question: (region) => `Move the leaders of ${WRITTEN.join(' and ')} in ${region} ${ROUNDS} times?`,
  prepare,
};

async function prepare(ports: DrillPorts, options: DrillOptions): Promise<Preparation> {
  const facts = await ports.look();
  const checks = runChecks(CHECKS, facts);
  if (!facts.kafka.state.seen) return { kind: 'refused', findings: checks };
  const { cluster } = ports.context;
  const nowMs = (): number => ports.clock.nowMs();
  const looked = await lookFurther(cluster, facts.kafka, facts.kafka.state.value, {
    ...{ nowMs, timeoutMs: options.timeoutMs },
  });
  const { topology } = looked;
  const places = placesOf(topology);
  const probed = probeTopicOf(await lookAtProbeTopic(cluster, facts.kafka, topology, options.timeoutMs));
  const conditions = [quietCluster, preferredLeaders, throttlesRead, () => probed.finding];
  const findings = [...checks, ...preflightOf(options.region, looked, conditions)];
  if (notMet(findings).length > 0 || places.length === 0) return { kind: 'refused', findings };
  const { metadataMaxAgeMs } = PRODUCER_SETTINGS;
  const brokers = topology.brokers.map(({ id }) => id);
  const quorum = quorumWatchOf(ports, looked);
  return {
    kind: 'ready',
    findings,
    ...planOf(topology, places, probePlaces(probed.topic)),
    probe: kafkaProbeOf(ports, options, probed.topic),
    expected: {
      slo: {
        expectedMs: metadataMaxAgeMs,
        by: `producer metadataMaxAge ${metadataMaxAgeMs} after each of ${ROUNDS} moves`,
      },
      restored: { expectedMs: null, by: 'replicas in their order, preferred leaders' },
    },
    // The hold looks again that everything is as it was, right before the first move.
    moved: async () => undefined,
    watch: () =>
      closing(
        watchMoves(() => ports.clock.monoNs()),
        quorum,
      ),
    secondFailure: () => clusterFailure({ cluster, quorum }, brokers),
    differences: () => remainingDifferences({ cluster }, topology),
  };
}

/** Pure: whose leaders are moved, how, and what is undone afterwards. The probe's own topic moves along. */
export function planOf(
  topology: KafkaTopology,
  places: readonly Place[],
  probe: readonly Place[] = [],
): Planned {
  const what = `the leaders of ${places.length} partitions of ${WRITTEN.join(' and ')}`;
  const ofCommands = places.filter(({ topic }) => topic === TOPICS.commands);
  // What the probe writes to is no part of the platform.
  const platform = topology.partitions.filter(({ topic }) => topic !== PROBE_TOPIC);
  return {
    target: `Kafka cluster ${topology.clusterId}`,
    victim: { id: WRITTEN.join('+'), text: what },
    blast: { hit: places.length, of: platform.length, what: 'partitions' },
    topology: structuredClone(topology) as unknown as Json,
    steps: [
      stepOf(holdTopologyStep, { topology: structuredClone(topology) } as never),
      stepOf(moveLeadersStep, {
        ...{ clusterId: topology.clusterId, partitions: [...places, ...probe] },
        ...{ rounds: ROUNDS, everyMs: EVERY_MS },
      } as never),
    ],
    faultAt: 1,
    fault: `move ${what} ${ROUNDS} times, ${EVERY_MS / 1000} s apart`,
    partitions: new Set(ofCommands.map(({ partition }) => partition)),
    commandPartitions: ofCommands.length,
  };
}

/** The last move is the one to come back from: before it the leaders only change again. */
export function watchMoves(monoNs: () => bigint): FaultWatch {
  let electedNs: bigint | null = null;
  return {
    moments: () => ({ detectedNs: null, electedNs, struckNs: electedNs }),
    settled: () => electedNs !== null,
    onStep({ state, step }) {
      if (state === 'done' && step.kind === moveLeadersStep.kind) electedNs = monoNs();
    },
    stop: async () => undefined,
  };
}

/** Pure: the partitions that are written, with more than one replica to lead them. */
export function placesOf({ partitions }: KafkaTopology): Place[] {
  return partitions.flatMap(({ topic, partition, replicas }) =>
    WRITTEN.includes(topic) && replicas.length > 1 ? [{ topic, partition, replicas: [...replicas] }] : [],
  );
}

function probePlaces({ partitions }: ProbeTopic): Place[] {
  return partitions.flatMap(({ partition, replicas }) =>
    replicas.length > 1 ? [{ topic: PROBE_TOPIC, partition, replicas: [...replicas] }] : [],
  );
}
