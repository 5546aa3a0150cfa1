import { join } from 'node:path';
import type { SandboxOptions } from './options.ts';

/** Where a sandbox keeps its things. `serverRoot` differs from `dir` only when servers run as another user. */
export interface SandboxPaths {
  /** `<stateDir>/sandbox/<name>` */
  readonly dir: string;
  readonly units: string;
  /** What `units` is called once `down` has begun to remove it. */
  readonly endedUnits: string;
  readonly logs: string;
  readonly manifest: string;
  readonly configFile: string;
  readonly passwordFile: string;
  /** Of a secure sandbox: the authority that signed the brokers' certificate (PEM), and the password of its clients. */
  readonly kafkaCaFile: string;
  readonly kafkaPasswordFile: string;
  /** Configuration and data of the servers. */
  readonly serverRoot: string;
  readonly conf: string;
  readonly data: string;
  /** Key store of the brokers and what locks it; nobody else may look into this folder. */
  readonly kafkaKeys: string;
}

export function sandboxDir(stateDir: string, name: string): string {
  return join(stateDir, 'sandbox', name);
}

export function sandboxPaths(dir: string, serverRoot: string): SandboxPaths {
  return {
    dir,
    units: join(dir, 'units'),
    endedUnits: join(dir, 'units.ended'),
    logs: join(dir, 'logs'),
    manifest: join(dir, 'sandbox.json'),
    configFile: join(dir, 'uplift.yaml'),
    passwordFile: join(dir, 'postgres.password'),
    kafkaCaFile: join(dir, 'kafka-ca.pem'),
    kafkaPasswordFile: join(dir, 'kafka.password'),
    serverRoot,
    conf: join(serverRoot, 'conf'),
    kafkaKeys: join(serverRoot, 'conf', 'kafka-keys'),
    data: join(serverRoot, 'data'),
  };
}

export const POSTGRES_SERVERS = ['az-a', 'az-b', 'az-c'] as const;
export const REDIS_SHARDS = 3;

export interface ServiceRole {
  readonly id: string;
  readonly role: 'gateway' | 'commands' | 'projector' | 'sweeper';
  readonly rack: string;
  /** Which part of the partitions a commands process owns. */
  readonly share?: string;
}

export const SERVICE_ROLES: readonly ServiceRole[] = [
  { id: 'gateway-1', role: 'gateway', rack: 'az-a' },
  { id: 'gateway-2', role: 'gateway', rack: 'az-b' },
  { id: 'commands-1', role: 'commands', rack: 'az-a', share: '1/2' },
  { id: 'commands-2', role: 'commands', rack: 'az-b', share: '2/2' },
  { id: 'projector-1', role: 'projector', rack: 'az-c' },
  { id: 'sweeper-1', role: 'sweeper', rack: 'az-c' },
];

/** One listening port of one unit. */
export interface PortUse {
  readonly unit: string;
  /** `main` is what clients use; the others are between servers. */
  readonly purpose: 'main' | 'controller' | 'bus';
  readonly port: number;
}

/** Every port of a sandbox, counted up from `base`, in a fixed order. */
export function portPlan(options: SandboxOptions, base: number): readonly PortUse[] {
  const wanted: Omit<PortUse, 'port'>[] = [];
  for (let id = 1; id <= options.brokers; id += 1) {
    wanted.push({ unit: `kafka-${id}`, purpose: 'main' }, { unit: `kafka-${id}`, purpose: 'controller' });
  }
  for (const server of POSTGRES_SERVERS) wanted.push({ unit: `postgres-${server}`, purpose: 'main' });
  wanted.push({ unit: 'pgbouncer', purpose: 'main' });
  for (let id = 1; id <= 2 * REDIS_SHARDS; id += 1) {
    wanted.push({ unit: `redis-${id}`, purpose: 'main' }, { unit: `redis-${id}`, purpose: 'bus' });
  }
  if (options.service)
    wanted.push(...SERVICE_ROLES.map(({ id }) => ({ unit: id, purpose: 'main' as const })));
  return wanted.map((use, at) => ({ ...use, port: base + at }));
}

/** Looks a port up; asking for one that is not planned is a bug. */
export function portOf(
  ports: readonly PortUse[],
  unit: string,
  purpose: PortUse['purpose'] = 'main',
): number {
  const use = ports.find((candidate) => candidate.unit === unit && candidate.purpose === purpose);
  if (use === undefined) throw new Error(`no ${purpose} port planned for ${unit}`);
  return use.port;
}
