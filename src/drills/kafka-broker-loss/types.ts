import type { CheckFacts } from '../../checks/check.ts';
import type { HttpClient } from '../../clients/http/http.ts';
import type { Cluster, Read, Topics } from '../../clients/kafka/ports.ts';
import type { Progress } from '../../core/blocks.ts';
import type { Clock } from '../../core/clock.ts';
import type { Finding } from '../../core/finding.ts';
import type { Proof } from '../../load/checker-proof.ts';
import type { Load, LoadOptions } from '../../load/generator.ts';
import type { Baseline } from '../../load/measure.ts';
import type { Judgement } from '../../load/verdicts.ts';
import type { Journal } from '../../record/journal.ts';
import type { BrokerActuator } from '../actuators/process.ts';
import type { Coverage, Execution, Hypothesis, Recovery, Restored } from '../judge.ts';
import type { NamedServer } from '../reads/gather.ts';
import type { RunFolder } from '../run-folder.ts';

export const DRILL_ID = 'kafka-broker-loss';

/** What the drill acts through; the command opens and closes all of it. */
export interface BrokerLossPorts {
  readonly clock: Clock;
  readonly cluster: Cluster;
  readonly topics: Topics;
  readonly read: Read;
  readonly http: HttpClient;
  readonly writer: NamedServer;
  readonly replicas: readonly NamedServer[];
  /** Takes a fresh look at everything the checks judge. */
  readonly look: () => Promise<CheckFacts>;
  readonly startLoad: (options: LoadOptions) => Promise<Load>;
  readonly actuatorOf: (units: string) => BrokerActuator;
  readonly journal: Journal;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

export interface BrokerLossOptions {
  readonly runId: string;
  readonly region: string;
  readonly environment: string;
  readonly folder: RunFolder;
  readonly stateDir: string;
  readonly units: string;
  readonly gateways: readonly { readonly id: string; readonly url: string }[];
  readonly ratePerS: number;
  readonly baselineMs: number;
  readonly seed: number;
  /** Back inside SLO within this time, from limits.recovery. */
  readonly recoveryTargetMs: number;
  readonly timeoutMs: number;
}

export interface Victim {
  readonly broker: number;
  readonly rack: string | null;
  /** Partitions of the declared topics it leads, and how many there are. */
  readonly leads: number;
  readonly partitions: number;
}

/** Configured values that explain a recovery time. */
export interface Explanations {
  readonly sessionTimeoutMs: number | null;
  readonly heartbeatMs: number | null;
  /** The victim also led the metadata quorum: a new quorum leader must be found before anybody can notice the loss. */
  readonly ledQuorum: boolean;
}

export interface BrokerLossResult {
  readonly drill: typeof DRILL_ID;
  readonly runId: string;
  readonly region: string;
  readonly environment: string;
  readonly clusterId: string;
  readonly execution: Execution;
  readonly hypothesis: Hypothesis;
  readonly restored: Restored;
  readonly reasons: readonly string[];
  readonly victim: Victim;
  readonly preflight: readonly Finding[];
  readonly baseline: Baseline | null;
  /** Wall clock of the kill, ms since the epoch. */
  readonly killedAtMs: number;
  readonly recovery: Recovery;
  readonly recoveryTargetMs: number;
  readonly restoredInMs: number | null;
  readonly explanations: Explanations;
  readonly coverage: Coverage;
  readonly judgement: Judgement;
  readonly proof: Proof;
  readonly topologyDiff: readonly string[];
  readonly finalReads: {
    readonly partitions: number;
    readonly commands: number;
    readonly events: number;
    readonly servers: number;
    readonly api: number;
  };
  readonly history: { readonly path: string; readonly sha256: string };
}
