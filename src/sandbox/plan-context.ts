import type { Unit } from '../clients/process/unit.ts';
import type { PortUse, SandboxPaths } from './layout.ts';
import type { SandboxOptions } from './options.ts';

/** Programs the sandbox starts, as absolute paths. */
export interface Binaries {
  readonly java: string;
  /** Comes with every Java; needed by a secure sandbox only. */
  readonly keytool?: string;
  /** Every jar of Kafka, sorted: an AppCDS archive is only valid for the same class path. */
  readonly kafkaJars: readonly string[];
  readonly postgresBin: string;
  readonly pgbouncer: string;
  readonly redisServer: string;
}

/** The files in templates/sandbox, by name. */
export type Templates = Readonly<Record<TemplateName, string>>;
export type TemplateName =
  | 'kafka.properties'
  | 'kafka-secure.properties'
  | 'postgresql.conf'
  | 'pg_hba.conf'
  | 'postgres-role.conf'
  | 'pgbouncer.ini'
  | 'redis.conf';

/** Replaces argv or adds to the environment of one service unit, e.g. to run a service of one's own as a unit. */
export interface ServiceOverride {
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Random values of a secure sandbox: who logs in with what, and what locks the brokers' key store. */
export interface KafkaSecrets {
  readonly clientPassword: string;
  readonly brokerPassword: string;
  readonly storePassword: string;
}

/** Everything the pure planners need; random values are made outside. */
export interface PlanContext {
  readonly options: SandboxOptions;
  readonly paths: SandboxPaths;
  readonly ports: readonly PortUse[];
  readonly binaries: Binaries;
  readonly templates: Templates;
  /** Who runs Postgres and PgBouncer, which refuse root; absent: the caller. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** AppCDS archive; the JVM ignores it when it is missing or does not fit. */
  readonly archive: string;
  readonly password: string;
  /** Used only where `options.secure` says so. */
  readonly kafkaSecrets: KafkaSecrets;
  readonly clusterId: string;
  /** KRaft directory ids, one per node. */
  readonly directoryIds: readonly string[];
  /** Environment every unit gets, nothing else of the caller's. */
  readonly baseEnv: Readonly<Record<string, string>>;
  /** What the service alone gets besides. */
  readonly serviceEnv?: Readonly<Record<string, string>>;
  /** How to start the reference service: `[node, bin/uplift.js]`. */
  readonly uplift: readonly [node: string, bin: string];
  readonly serviceOverrides: Readonly<Record<string, ServiceOverride>>;
  readonly linux: boolean;
}

export interface PlannedFile {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
  /** Handed to `owner` when there is one. */
  readonly forServer?: boolean;
}

export interface PlanPart {
  readonly units: readonly Unit[];
  readonly files: readonly PlannedFile[];
  /** Data folders to make, with their mode; handed to `owner` when `forServer`. */
  readonly folders: readonly { readonly path: string; readonly mode: number; readonly forServer?: boolean }[];
}

/** Fills `@NAME@` placeholders; a missing value or an unused one is a bug in template or planner. */
export function fillTemplate(template: string, values: Readonly<Record<string, string>>): string {
  const used = new Set<string>();
  const text = template.replaceAll(/@([A-Z_]+)@/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`template placeholder @${name}@ has no value`);
    used.add(name);
    return value;
  });
  const unused = Object.keys(values).filter((name) => !used.has(name));
  if (unused.length > 0) throw new Error(`template does not use ${unused.join(', ')}`);
  return text;
}
