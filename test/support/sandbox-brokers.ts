import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openCluster, openTopics } from '../../src/clients/kafka/index.ts';
import { restoreLeaders, waitIsr, waitRegistered } from '../../src/drills/kafka/settle.ts';
import { type KafkaTopology, topologyOf } from '../../src/drills/kafka/topology.ts';
import type { ProofSandbox } from './sandbox.ts';

const SETTLE_MS = 90_000;

export type Properties = Readonly<Record<string, string>>;

/** Kafka's own time-outs (kafka.apache.org/43/configuration, brokers), where a sandbox has shorter ones. */
export const DEFAULT_BROKER: Properties = {
  'broker.session.timeout.ms': '9000',
  'broker.heartbeat.interval.ms': '2000',
  'replica.lag.time.max.ms': '30000',
};

/** Pure: properties with other values; what is not there yet is added. */
export function withProperties(text: string, values: Properties): string {
  const left = new Map(Object.entries(values));
  const lines = text.split('\n').map((line) => {
    const name = line.split('=')[0] ?? '';
    const value = left.get(name);
    if (value === undefined) return line;
    left.delete(name);
    return `${name}=${value}`;
  });
  return [...lines, ...[...left].map(([name, value]) => `${name}=${value}`), ''].join('\n');
}

/** Changes the file that a broker of a sandbox is started with; it means something when the broker is started again. */
export async function editProperties(
  sandbox: ProofSandbox,
  id: string,
  edit: (text: string) => string,
): Promise<void> {
  const file = join(sandbox.dir, 'conf', `${id}.properties`);
  await writeFile(file, edit(await readFile(file, 'utf8')));
}

export function topologyNow(sandbox: ProofSandbox): Promise<KafkaTopology> {
  return sandbox.withCluster(async (cluster) => topologyOf(await cluster.describe({ timeoutMs: 5000 })));
}

/** Every broker is there, every partition in sync, and led from where it was. */
export async function settled(sandbox: ProofSandbox, before: KafkaTopology): Promise<void> {
  const target = await sandbox.kafkaTarget();
  const ports = { cluster: openCluster(target), topics: openTopics(target) };
  try {
    const ids = before.brokers.map(({ id }) => id);
    await waitRegistered(ports, ids, SETTLE_MS);
    await waitIsr(ports, before, SETTLE_MS);
    await restoreLeaders(ports, before, SETTLE_MS);
  } finally {
    await Promise.allSettled([ports.cluster.close(), ports.topics.close()]);
  }
}
