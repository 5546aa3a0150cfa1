import { statusOf } from '../../src/clients/process/status.ts';
import type { PlacedUnit } from '../../src/clients/process/unit-files.ts';
import { openRedisNodes, type RedisNodes } from '../../src/clients/redis/index.ts';
import { processPooler } from '../../src/drills/actuators/pooler-process.ts';
import { processPostgres } from '../../src/drills/actuators/postgres-process.ts';
import { remainingDifferences } from '../../src/drills/kafka/settle.ts';
import { type KafkaTopology, topologyOf as kafkaTopology } from '../../src/drills/kafka/topology.ts';
import { lookAtNodes } from '../../src/drills/redis/look.ts';
import { differencesLeft } from '../../src/drills/redis/settle.ts';
import { type RedisTopology, topologyOf as redisTopology } from '../../src/drills/redis/topology.ts';
import { differencesOf } from '../../src/drills/steps/postgres/hold-set.ts';
import type { PostgresSet } from '../../src/drills/steps/postgres/set.ts';
import { processesIn } from '../../src/sandbox/traces-fixture.ts';
import { setNow } from '../crash/failover.ts';
import type { Platform, Ports } from '../support/driven-platform.ts';

/** Every store of a platform as it was before the first point: what has to be there again after each. */
export interface Stores {
  /** How they differ from that now, as sentences; by looks of its own, not as a drill says. */
  differences(): Promise<string[]>;
  /** Processes of the platform that are more or less than then, as sentences. */
  processes(): Promise<string[]>;
  close(): Promise<void>;
}

const LOOK_MS = 10_000;
const POSTGRES = { postgresOf: processPostgres, poolerOf: processPooler };

interface Before {
  readonly kafka: KafkaTopology;
  readonly redis: RedisTopology;
  readonly postgres: PostgresSet;
  readonly processes: readonly string[];
}

export async function openStores(platform: Platform, ports: Ports, workDir: string): Promise<Stores> {
  const units = await platform.units();
  const redis = openRedisNodes({ timeoutMs: LOOK_MS });
  const before: Before = {
    kafka: kafkaTopology(await ports.cluster.describe({ timeoutMs: LOOK_MS })),
    redis: redisTopology(await lookAtNodes(redis, addressesOf(units))),
    postgres: await setNow(platform.unitsDir, units),
    processes: await processesOf(workDir),
  };
  return {
    differences: () => differences(before, { ports, redis, units }),
    processes: async () => changed(before.processes, await processesOf(workDir)),
    close: () => redis.close(),
  };
}

function addressesOf(units: readonly PlacedUnit[]): string[] {
  return units.flatMap(({ kind, ready }) =>
    kind === 'redis' && ready.kind === 'tcp' ? [`${ready.host}:${ready.port}`] : [],
  );
}

async function differences(
  before: Before,
  now: { readonly ports: Ports; readonly redis: RedisNodes; readonly units: readonly PlacedUnit[] },
): Promise<string[]> {
  const { ports, redis, units } = now;
  const states = await Promise.all(units.map(async (unit) => [unit.id, await statusOf(unit)] as const));
  const away = states.flatMap(([id, { state }]) => (state === 'running' ? [] : [`${id} is ${state}`]));
  const found = await Promise.all([
    remainingDifferences(ports, before.kafka),
    differencesLeft({ redis }, before.redis),
    differencesOf(before.postgres, POSTGRES),
  ]);
  return [...away, ...found.flat()];
}

/**
 * Command lines of what runs in a folder. Backends of Postgres come and go with their clients, and a process without a
 * command line is about to be gone: it has no memory any more.
 */
async function processesOf(folder: string): Promise<string[]> {
  const lines = (await processesIn(folder)).map((line) => line.replaceAll('\0', ' ').trim());
  return lines.filter((line) => line !== '' && !line.startsWith('postgres: ')).toSorted();
}

/** Pure: what is more and what is less in the second of two lists, each as often as it stands there. */
export function changed(before: readonly string[], now: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const line of now) counts.set(line, (counts.get(line) ?? 0) + 1);
  for (const line of before) counts.set(line, (counts.get(line) ?? 0) - 1);
  return [...counts].flatMap(([line, count]) => {
    const said = count > 0 ? `left running: ${line}` : `runs no more: ${line}`;
    return Array.from({ length: Math.abs(count) }, () => said.slice(0, 200));
  });
}
