import type { CheckFacts } from '../../checks/check.ts';
import type { HttpClient } from '../../clients/http/http.ts';
import type { Read } from '../../clients/kafka/ports.ts';
import type { KafkaTarget } from '../../clients/kafka/target.ts';
import type { SqlTarget } from '../../clients/postgres/ports.ts';
import type { Progress } from '../../core/blocks.ts';
import type { Clock } from '../../core/clock.ts';
import type { Finding } from '../../core/finding.ts';
import type { Live, LiveLeaders } from '../../core/live.ts';
import type { Json, Step } from '../../core/step.ts';
import type { Load, LoadOptions } from '../../load/generator.ts';
import type { Journal } from '../../record/journal.ts';
import type { StepEvent } from '../../steps/engine.ts';
import type { Permission } from '../limits/permission.ts';
import type { DrillName } from '../names.ts';
import type { StoreProbe } from '../probe/probe.ts';
import type { NamedServer } from '../reads/gather.ts';
import type { RunFolder } from '../run-folder.ts';
import type { DrillStepContext } from '../steps.ts';
import type { Longest } from './duration.ts';
import type { Coverage } from './judge.ts';

/** The parts of a recovery, in order. A part that does not exist in a drill (nobody elects a projector) has no entry. */
export const RECOVERY_PARTS = ['detect', 'elect', 'reconnect', 'fresh', 'slo', 'restored'] as const;
export type RecoveryPart = (typeof RECOVERY_PARTS)[number];

/** What a part should take, and the configured value that says so. */
export interface Expectation {
  /** Null: no setting bounds it, or it could not be read. */
  readonly expectedMs: number | null;
  readonly by: string;
}

/** Who is hit. `id` is what was looked up again just before the act. */
export interface Victim {
  readonly id: string;
  /** "broker 2 (az-b), leads 26 of 72 partitions". */
  readonly text: string;
}

/** How much of a fleet is hit at once. */
export interface Blast {
  readonly hit: number;
  readonly of: number;
  /** "brokers". */
  readonly what: string;
}

/** When the loss was noticed and when everything had a leader again, on the monotonic clock; null: not seen. */
export interface Moments {
  readonly detectedNs: bigint | null;
  readonly electedNs: bigint | null;
  /** When what was struck took a write again, where the drill sees that itself; undefined: the service's load says so. */
  readonly reconnectedNs?: bigint | null;
  /** When it struck for the last time, where it strikes several times: a recovery counts from then. Absent: once. */
  readonly struckNs?: bigint | null;
  /** When reads had caught up; undefined: not looked at. */
  readonly freshNs?: bigint | null;
}

/** Looks at the store while the fault lasts. */
export interface FaultWatch {
  readonly moments: () => Moments;
  /** Told of every step of the fault as it goes on: what the drill itself does has its moment there. */
  readonly onStep?: (event: StepEvent) => void;
  /** False: there is something to be seen yet, however well the service is. Absent: only the service says when to end. */
  readonly settled?: () => boolean;
  /** Who leads by now, for those who watch the run; absent or undefined: it cannot tell. */
  readonly leaders?: () => LiveLeaders | undefined;
  stop(): Promise<void>;
}

/** Everything that was found before anything was touched, and what follows from it. */
export interface Prepared {
  /** "Kafka cluster xyz". */
  readonly target: string;
  readonly findings: readonly Finding[];
  readonly victim: Victim;
  readonly blast: Blast;
  /** What will have to be as it was, as it is journaled. */
  readonly topology: Json;
  readonly steps: readonly Step[];
  /** Which of the steps is the fault: its beginning is the moment that everything is measured from. */
  readonly faultAt: number;
  /** How long it takes at most; added to what the drill itself prepared. */
  readonly longest?: Longest;
  /** "SIGKILL broker 2 (az-b)". */
  readonly fault: string;
  readonly expected: Readonly<Partial<Record<RecoveryPart, Expectation>>>;
  /** Command partitions that the fault strikes: there a loss would stand, and writes must come again. Undefined: none by itself. */
  readonly partitions: ReadonlySet<number> | undefined;
  /** How much has to be acknowledged for a verdict. Default COVERAGE_NEEDED. */
  readonly coverageNeeded?: Coverage;
  /** Writes straight to the store that is struck, from before the baseline until after the restore. */
  readonly probe?: StoreProbe;
  /** Partitions of the commands topic. */
  readonly commandPartitions: number;
  /** Looks again, just before the act: why the victim is not the one that was planned, or undefined. */
  readonly moved: () => Promise<string | undefined>;
  readonly watch: (deadlineMs: number) => FaultWatch;
  /**
   * A second failure beside the fault, while it lasts: why the drill has to end at once, or undefined. `step`: the one
   * that goes on, whose own doing is no failure; undefined once all are done.
   */
  readonly secondFailure: (step?: Step) => Promise<string | undefined>;
  /** What is not as it was, as sentences. */
  readonly differences: () => Promise<readonly string[]>;
}

/** Preflight: everything passes, or nothing is touched. No data refuses as much as a bad answer. */
export type Preparation =
  | ({ readonly kind: 'ready' } & Prepared)
  | { readonly kind: 'refused'; readonly findings: readonly Finding[] };

/** One drill. */
export interface Drill extends DrillName {
  /** What is asked before it runs. */
  readonly question: (region: string) => string;
  readonly prepare: (ports: DrillPorts, options: DrillOptions) => Promise<Preparation>;
}

/** The right to change a cluster. Lost, it stops what would be broken next, never a restore. */
export interface HeldLock {
  held(): boolean;
  release(): Promise<void>;
}

/** Another process, which puts things back when this one dies or hangs. */
export interface Watchdog {
  readonly pid: number;
  /** How long this process may say nothing before it counts as hanging. */
  readonly leaseMs: number;
  /** Why nobody would put things back in our place, or undefined. */
  trouble(): string | undefined;
}

/** Ids and addresses of the processes that uplift.yaml names. */
export interface ServiceInstances {
  readonly gateways: readonly Instance[];
  readonly commands: readonly Instance[];
  readonly projectors: readonly Instance[];
  readonly sweepers: readonly Instance[];
}

interface Instance {
  readonly id: string;
  readonly url: string;
}

/** What a drill acts through; the command opens and closes all of it. */
export interface DrillPorts {
  readonly clock: Clock;
  /** For a store probe, which writes with a producer of its own. */
  readonly kafka: KafkaTarget;
  readonly read: Read;
  readonly http: HttpClient;
  readonly writer: NamedServer;
  readonly replicas: readonly NamedServer[];
  /** The database through the pooler, as the service writes to it; undefined: uplift.yaml names no pooler. */
  readonly pooled: SqlTarget | undefined;
  /** The service's processes, by what they do. */
  readonly service: ServiceInstances;
  /** Takes a fresh look at everything the checks judge. */
  readonly look: () => Promise<CheckFacts>;
  readonly startLoad: (options: LoadOptions) => Promise<Load>;
  /** Whether drills may run at all now. */
  readonly permission: Permission;
  /** Asks for the lock of the cluster; the run releases it. Throws what refuses the run (15). */
  readonly lock: () => Promise<HeldLock>;
  /** Starts the watchdog of the run, which outlives it; the command ends it. Throws what refuses the run (15). */
  readonly watchdog: () => Promise<Watchdog>;
  /** What its steps act through. */
  readonly context: DrillStepContext;
  readonly journal: Pick<Journal, 'append'>;
  readonly progress: Progress;
  /** Somebody watches the run; absent: nobody. */
  readonly live?: Live | undefined;
  readonly signal: AbortSignal;
}

/** Bounds that hold for every drill, from `drills` in uplift.yaml. */
export interface DrillLimits {
  /** From the fault to the end of what is observed. */
  readonly maxFaultMs: number;
  /** The whole drill, if everything in it takes as long as it may. */
  readonly maxDurationMs: number;
  /** Share of a fleet that may be hit, 0 … 1. */
  readonly maxShare: number;
  /** A share of failed operations, 0 … 1, over `abortAfterS` seconds in a row that ends the drill. */
  readonly abortErrorRate: number;
  readonly abortAfterS: number;
}

export interface DrillOptions {
  readonly runId: string;
  readonly region: string;
  readonly environment: string;
  readonly folder: RunFolder;
  /** Where the runs are kept, this one and those before. */
  readonly journalDir: string;
  /** What steps act through, as they journal it: the units folder, or the name of the region's commands. */
  readonly units: string;
  readonly gateways: readonly { readonly id: string; readonly url: string }[];
  readonly ratePerS: number;
  readonly baselineMs: number;
  readonly seed: number;
  /** Back inside SLO within this time, from limits.recovery. */
  readonly recoveryTargetMs: number;
  readonly timeoutMs: number;
  readonly limits: DrillLimits;
  /** What the store probe wrote stays in the store, for a second checker. */
  readonly keepProbe?: boolean;
}
