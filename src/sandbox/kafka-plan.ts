import { join } from 'node:path';
import type { Unit } from '../clients/process/unit.ts';
import { secureFiles, secureProperties } from './kafka-secure.ts';
import { portOf } from './layout.ts';
import { rackName } from './options.ts';
import { fillTemplate, type PlanContext, type PlannedFile, type PlanPart } from './plan-context.ts';

/** One Kafka node: where it stands and what it is. */
export interface KafkaNode {
  readonly id: number;
  readonly unit: string;
  readonly rack: string;
  /** Voters take part in the KRaft quorum; the others are brokers only. */
  readonly voter: boolean;
  readonly port: number;
  readonly controllerPort: number;
  readonly dataDir: string;
  readonly propertiesFile: string;
  readonly directoryId: string;
}

/** A listener that clients and brokers connect to: PLAINTEXT, or SASL_SSL in a secure sandbox. */
export interface KafkaListener {
  readonly name: string;
  readonly protocol: 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL';
  readonly port: number;
}

/** The quorum is odd: an even one tolerates no more failures than the odd one below it. */
export function voterCount(brokers: number): number {
  return brokers >= 3 ? 3 : 1;
}

export function replicationOf(brokers: number): { readonly factor: number; readonly minInsync: number } {
  return { factor: Math.min(3, brokers), minInsync: brokers >= 3 ? 2 : 1 };
}

/** The nodes of a sandbox: racks in turn, the first ones voters. */
export function kafkaNodes(context: PlanContext): readonly KafkaNode[] {
  const { options, paths, ports } = context;
  return Array.from({ length: options.brokers }, (_, at) => {
    const id = at + 1;
    const unit = `kafka-${id}`;
    return {
      id,
      unit,
      rack: rackName(at % options.racks),
      voter: id <= voterCount(options.brokers),
      port: portOf(ports, unit),
      controllerPort: portOf(ports, unit, 'controller'),
      dataDir: join(paths.data, unit),
      propertiesFile: join(paths.conf, `${unit}.properties`),
      directoryId: context.directoryIds[at] ?? '',
    };
  });
}

/** Value of StorageTool's --initial-controllers: `id@host:port:directory id`, the voters only. */
export function initialControllers(nodes: readonly KafkaNode[]): string {
  const voters = nodes.filter((node) => node.voter);
  return voters.map((node) => `${node.id}@127.0.0.1:${node.controllerPort}:${node.directoryId}`).join(',');
}

/**
 * The same small JVM for the nodes and the format tool. Its heap has from the start the size it otherwise creeps up to
 * under load (46 MB live in 3 topics of 24 partitions), so that growth is a finding and not the collector's habit.
 * Archive: JEP 350; `auto` means it may be missing. No perf data and a temporary folder of its own: a killed JVM cannot
 * tidy the shared one.
 */
export function javaFlags({ archive, paths }: Pick<PlanContext, 'archive' | 'paths'>): readonly string[] {
  const heap = ['-Xms128m', '-Xmx256m', '-XX:MinHeapFreeRatio=20', '-XX:+AlwaysPreTouch'];
  const jvm = [...heap, '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xss512k'];
  const log = 'org.slf4j.simpleLogger';
  return [
    ...jvm,
    `-XX:SharedArchiveFile=${archive}`,
    '-Xshare:auto',
    '-Xlog:disable',
    '-XX:-UsePerfData',
    `-Djava.io.tmpdir=${paths.data}`,
    `-D${log}.showDateTime=true`,
    `-D${log}.dateTimeFormat=HH:mm:ss.SSS`,
    `-D${log}.log.org.apache.kafka.common.config=warn`,
    '-Dorg.apache.logging.log4j.level=INFO',
  ];
}

export function planKafka(context: PlanContext): PlanPart {
  const nodes = kafkaNodes(context);
  return {
    units: nodes.map((node) => kafkaUnit(context, node)),
    files: [...nodes.map((node) => propertiesFile(context, nodes, node)), ...secureFiles(context)],
    folders: [
      ...nodes.map((node) => ({ path: node.dataDir, mode: 0o755 })),
      ...(context.options.secure ? [{ path: context.paths.kafkaKeys, mode: 0o700 }] : []),
    ],
  };
}

function kafkaUnit(context: PlanContext, node: KafkaNode): Unit {
  const { binaries, paths } = context;
  const classPath = binaries.kafkaJars.join(':');
  return {
    v: 1,
    id: node.unit,
    kind: 'kafka',
    argv: [binaries.java, ...javaFlags(context), '-cp', classPath, 'kafka.Kafka', node.propertiesFile],
    env: context.baseEnv,
    cwd: paths.dir,
    logFile: join(paths.logs, `${node.unit}.log`),
    ready: { kind: 'tcp', host: '127.0.0.1', port: node.port },
    readyTimeoutMs: 60_000,
    stop: { signal: 'SIGTERM', graceMs: 20_000 },
    labels: {
      brokerId: String(node.id),
      rack: node.rack,
      port: String(node.port),
      role: node.voter ? 'broker+voter' : 'broker',
      dataDir: node.dataDir,
    },
  };
}

function propertiesFile(context: PlanContext, nodes: readonly KafkaNode[], node: KafkaNode): PlannedFile {
  const { secure } = context.options;
  const protocol = secure ? 'SASL_SSL' : 'PLAINTEXT';
  const listeners: readonly KafkaListener[] = [{ name: protocol, protocol, port: node.port }];
  const own = listeners.map((listener) => `${listener.name}://127.0.0.1:${listener.port}`);
  const controller = `CONTROLLER://127.0.0.1:${node.controllerPort}`;
  const { factor, minInsync } = replicationOf(nodes.length);
  const text = fillTemplate(context.templates['kafka.properties'], {
    ROLES: node.voter ? 'broker,controller' : 'broker',
    NODE_ID: String(node.id),
    RACK: node.rack,
    CONTROLLERS: nodes
      .flatMap((other) => (other.voter ? [`127.0.0.1:${other.controllerPort}`] : []))
      .join(','),
    LISTENERS: [...own, ...(node.voter ? [controller] : [])].join(','),
    ADVERTISED: [...own, ...(node.voter ? [controller] : [])].join(','),
    PROTOCOLS: [
      ...listeners.map((listener) => `${listener.name}:${listener.protocol}`),
      `CONTROLLER:${secure ? 'SSL' : 'PLAINTEXT'}`,
    ].join(','),
    INTER_BROKER: protocol,
    DATA_DIR: node.dataDir,
    RF: String(factor),
    MIN_ISR: String(minInsync),
  });
  return {
    path: node.propertiesFile,
    text: text + secureProperties(context),
    mode: secure ? 0o600 : 0o644,
  };
}
