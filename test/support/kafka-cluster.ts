import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCluster } from '../../src/clients/kafka/cluster.ts';
import type { KafkaTarget } from '../../src/clients/kafka/target.ts';
import { waitFor } from '../../src/core/wait.ts';
import { format, freePorts, IDS, type KafkaNode, launch, tool, USER } from './kafka-node.ts';

/** Three real brokers (KRaft, combined nodes, racks az-a to az-c) in a temporary folder, for tests that stop and kill them. */
export interface TestKafka {
  readonly target: KafkaTarget;
  /** The SASL_SSL listener of the same brokers, with the CA to trust. */
  readonly secured: KafkaTarget;
  readonly folder: string;
  address(id: number): string;
  kill(id: number): Promise<void>;
  start(id: number): Promise<void>;
  pause(id: number): void;
  resume(id: number): void;
  /** Resolves when all three brokers are registered and no partition lacks a replica in its ISR. */
  healthy(timeoutMs: number): Promise<void>;
  /** Runs a Kafka tool (main class and arguments) and answers its stdout. */
  tool(mainClass: string, args: readonly string[], stdin?: string): Promise<string>;
  stop(): Promise<void>;
}

export interface TestKafkaOptions {
  /** More JVM flags of a broker, by its id. */
  readonly jvm?: (id: number) => readonly string[];
  /** More lines of every broker's server.properties. */
  readonly settings?: readonly string[];
}

export async function startKafka(name: string, options: TestKafkaOptions = {}): Promise<TestKafka> {
  const folder = await mkdtemp(join(tmpdir(), `${name}-`));
  const ports = await freePorts(9);
  const nodes = IDS.map((id, at): KafkaNode => {
    const [port = 0, tlsPort = 0, controllerPort = 0] = ports.slice(at * 3);
    const jvm = options.jvm?.(id) ?? [];
    const { settings = [] } = options;
    const dir = join(folder, `node-${id}`);
    return { id, dir, port, tlsPort, controllerPort, jvm, settings, process: undefined };
  });
  const killAll = (): void => {
    for (const node of nodes) node.process?.kill('SIGKILL');
  };
  process.once('exit', killAll);
  try {
    await format(folder, nodes);
    for (const node of nodes) launch(node);
    const kafka = handle(folder, nodes, await readFile(join(folder, 'ca.pem'), 'utf8'), () =>
      process.off('exit', killAll),
    );
    await kafka.healthy(120_000);
    return kafka;
  } catch (error) {
    killAll();
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

function handle(folder: string, nodes: readonly KafkaNode[], ca: string, onStop: () => void): TestKafka {
  const common = { clientId: 'uplift-test', requestTimeoutMs: 3000 };
  const target: KafkaTarget = { ...common, brokers: nodes.map((node) => `127.0.0.1:${node.port}`) };
  const secured: KafkaTarget = {
    ...common,
    brokers: nodes.map((node) => `127.0.0.1:${node.tlsPort}`),
    tls: { ca },
    sasl: { mechanism: 'SCRAM-SHA-512', ...USER },
  };
  const node = (id: number): KafkaNode => {
    const found = nodes.find((one) => one.id === id);
    if (found === undefined) throw new RangeError(`no broker ${id}`);
    return found;
  };
  const kill = async (id: number): Promise<void> => {
    const child = node(id).process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  };
  return {
    target,
    secured,
    folder,
    address: (id) => `127.0.0.1:${node(id).port}`,
    kill,
    start: async (id) => launch(node(id)),
    pause: (id) => void node(id).process?.kill('SIGSTOP'),
    resume: (id) => void node(id).process?.kill('SIGCONT'),
    healthy: (timeoutMs) => healthy(target, timeoutMs),
    tool,
    stop: async () => {
      await Promise.all(nodes.map((one) => kill(one.id)));
      onStop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function healthy(target: KafkaTarget, timeoutMs: number): Promise<void> {
  const cluster = openCluster(target);
  try {
    await waitFor(
      async () => {
        const state = await cluster.describe({ timeoutMs: 3000 });
        const full = state.topics.every((t) =>
          t.partitions.every((p) => p.isr.length === p.replicas.length && p.leader >= 0),
        );
        return state.brokers.length === IDS.length && full;
      },
      { what: 'three brokers with full ISR', timeoutMs, intervalMs: 200 },
    );
  } finally {
    await cluster.close();
  }
}
