/**
 * A unit file describes one process of a sandbox: enough to start, find, probe and stop it from any other process.
 * `<units folder>/<id>.json` is the declaration; `<id>.state.json` beside it holds the running process.
 */
export interface Unit {
  readonly v: 1;
  /** Kebab-case, unique in its sandbox: `kafka-2`, `postgres-az-b`, `gateway-1`. */
  readonly id: string;
  readonly kind: UnitKind;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Absent: the ids of whoever starts it. Postgres refuses to run as root, so it gets those of `nobody` there. */
  readonly uid?: number;
  readonly gid?: number;
  readonly logFile: string;
  readonly ready: ReadyProbe;
  readonly readyTimeoutMs: number;
  readonly stop: { readonly signal: 'SIGTERM' | 'SIGINT'; readonly graceMs: number };
  /** What actuators and status need: broker id, rack, port, role. */
  readonly labels: Readonly<Record<string, string>>;
}

export type UnitKind = 'kafka' | 'postgres' | 'pgbouncer' | 'redis' | 'service';

export type ReadyProbe =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** 2xx on this URL. */
  | { readonly kind: 'http'; readonly url: string };

/** The process a unit was last started as. A signal goes only to a pid whose start time still matches. */
export interface UnitProcess {
  readonly pid: number;
  /** Kernel start time of the pid, in the platform's own unit; compared, never interpreted. */
  readonly startTime: string;
  readonly startedAtMs: number;
}

export type UnitStatus =
  | { readonly state: 'running'; readonly process: UnitProcess }
  | { readonly state: 'paused'; readonly process: UnitProcess }
  | { readonly state: 'exited'; readonly process: UnitProcess }
  | { readonly state: 'neverStarted' };
