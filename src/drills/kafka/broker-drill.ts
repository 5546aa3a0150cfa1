import { runChecks } from '../../checks/check.ts';
import { CHECKS } from '../../checks/registry.ts';
import { PRODUCER_SETTINGS } from '../../clients/kafka/producer-settings.ts';
import { TOPICS } from '../../contract/records.ts';
import type { Json } from '../../core/step.ts';
import { stepOf } from '../../steps/kind.ts';
import type { Act } from '../actuators/process.ts';
import { strikeText } from '../actuators/through.ts';
import type { Drill, DrillOptions, DrillPorts, Preparation, Prepared } from '../engine/drill.ts';
import { notMet } from '../engine/refuse.ts';
import { nameOf } from '../names.ts';
import { holdTopologyStep } from '../steps/kafka/hold.ts';
import { hangBrokerStep, killBrokerStep } from '../steps/kafka/index.ts';
import { type Looked, lookFurther, SESSION_TIMEOUT } from './look.ts';
import { LOOK_EVERY_MS, looksOf, quorumWatchOf } from './looks.ts';
import { BROKER_CONDITIONS, preflightOf } from './preflight.ts';
import { kafkaProbeOf } from './probe.ts';
import { lookAtProbeTopic, probeTopicOf } from './probe-topic.ts';
import { type KafkaTopology, leadsMost } from './topology.ts';

interface BrokerFault {
  readonly signal: string;
  readonly act: Act;
  readonly step: typeof killBrokerStep;
}

/** The two ways to lose a broker. */
export const BROKER_FAULTS = {
  loss: { signal: 'SIGKILL', act: 'kill', step: killBrokerStep },
  hang: { signal: 'SIGSTOP', act: 'hang', step: hangBrokerStep },
} as const satisfies Readonly<Record<string, BrokerFault>>;

/** Kills the broker that leads most partitions of the declared topics. */
export const brokerLoss: Drill = {
  ...nameOf('kafka-broker-loss'),
  question: (region) => `Kill a Kafka broker of ${region}?`,
  prepare: (ports, options) => prepare(ports, options, BROKER_FAULTS.loss),
};

/** Stops the broker that leads most partitions, with all its connections open. */
export const brokerHang: Drill = {
  ...nameOf('kafka-broker-hang'),
  question: (region) => `Stop a Kafka broker of ${region} without closing its connections?`,
  prepare: (ports, options) => prepare(ports, options, BROKER_FAULTS.hang),
};

async function prepare(ports: DrillPorts, options: DrillOptions, fault: BrokerFault): Promise<Preparation> {
  const facts = await ports.look();
  const checks = runChecks(CHECKS, facts);
  if (!facts.kafka.state.seen) return { kind: 'refused', findings: checks };
  const { cluster } = ports.context;
  const nowMs = (): number => ports.clock.nowMs();
  const further = await lookFurther(cluster, facts.kafka, facts.kafka.state.value, {
    ...{ nowMs, timeoutMs: options.timeoutMs },
  });
  const { topology } = further;
  const declared = facts.desired.map(({ name }) => name);
  const most = leadsMost(topology, declared);
  if (most === undefined) return { kind: 'refused', findings: checks };
  const victimProcess = await ports.context.actuatorOf(options.units).describe(most.broker, fault.act);
  const probed = probeTopicOf(
    await lookAtProbeTopic(cluster, facts.kafka, topology, options.timeoutMs),
    most.broker,
  );
  const conditions = [...BROKER_CONDITIONS, () => probed.finding];
  const looked = { ...further, victim: most.broker, victimProcess };
  const findings = [...checks, ...preflightOf(options.region, looked, conditions)];
  if (notMet(findings).length > 0) return { kind: 'refused', findings };
  const quorum = quorumWatchOf(ports, further, most.broker);
  return {
    kind: 'ready',
    findings,
    expected: expectedOf(further, most.broker),
    probe: kafkaProbeOf(ports, options, probed.topic, most.broker),
    ...planOf({ topology, declared, fault, broker: most.broker, leads: most.leads, units: options.units }),
    ...looksOf(ports, { topology, declared, broker: most.broker, quorum }),
  };
}

/** What a plan on Kafka says before anything is looked at further. */
export type Planned = Pick<
  Prepared,
  | 'target'
  | 'victim'
  | 'blast'
  | 'topology'
  | 'steps'
  | 'faultAt'
  | 'fault'
  | 'partitions'
  | 'commandPartitions'
>;

/** Pure: who is hit, how, and what is undone afterwards. */
export function planOf(chosen: {
  readonly topology: KafkaTopology;
  readonly declared: readonly string[];
  readonly fault: BrokerFault;
  readonly broker: number;
  readonly leads: number;
  readonly units: string;
}): Planned {
  const { topology, declared, fault, broker, leads, units } = chosen;
  const rack = topology.brokers.find(({ id }) => id === broker)?.rack ?? 'no rack';
  const all = topology.partitions.filter(({ topic }) => declared.includes(topic)).length;
  const ofCommands = topology.partitions.filter(({ topic }) => topic === TOPICS.commands);
  return {
    target: `Kafka cluster ${topology.clusterId}`,
    victim: {
      id: `broker ${broker}`,
      text: `broker ${broker} (${rack}, leads ${leads} of ${all} partitions)`,
    },
    blast: { hit: 1, of: topology.brokers.length, what: 'brokers' },
    topology: structuredClone(topology) as unknown as Json,
    steps: [
      stepOf(holdTopologyStep, { topology: structuredClone(topology) } as never),
      stepOf(fault.step, { units, broker }),
    ],
    faultAt: 1,
    fault: strikeText(units, fault, `broker ${broker} (${rack}, leads ${leads} of ${all} partitions)`),
    partitions: new Set(
      ofCommands.flatMap(({ leader, partition }) => (leader === broker ? [partition] : [])),
    ),
    commandPartitions: ofCommands.length,
  };
}

/** Pure: the configured timeouts that a recovery time is set beside; what could not be read is null, never a guess. */
function expectedOf(
  { kafka: { quorum }, brokerConfigs }: Pick<Looked, 'kafka' | 'brokerConfigs'>,
  broker: number,
): Prepared['expected'] {
  const configs = brokerConfigs.seen ? brokerConfigs.value.get(broker) : undefined;
  const value = configs?.find(({ name }) => name === SESSION_TIMEOUT)?.value;
  const sessionMs = value === undefined || value === null ? null : Number(value);
  const ledQuorum = quorum.seen && quorum.value.leaderId === broker;
  const { metadataMaxAgeMs, requestTimeoutMs } = PRODUCER_SETTINGS;
  return {
    detect: {
      expectedMs: sessionMs,
      by:
        sessionMs === null
          ? 'not readable'
          : `${SESSION_TIMEOUT} ${sessionMs}${ledQuorum ? ', after a new quorum leader' : ''}`,
    },
    elect: { expectedMs: null, by: `leaders from the ISR, seen every ${LOOK_EVERY_MS} ms` },
    reconnect: {
      expectedMs: metadataMaxAgeMs + requestTimeoutMs,
      by: `producer metadataMaxAge ${metadataMaxAgeMs}, requestTimeout ${requestTimeoutMs}`,
    },
    slo: { expectedMs: null, by: 'p99, errors and rate for 3 s, against the baseline' },
    restored: { expectedMs: null, by: 'broker runs again, ISR full, preferred leaders' },
  };
}
