import type { Finding } from '../../core/finding.ts';
import type { Proof } from '../../load/checker-proof.ts';
import type { Baseline } from '../../load/measure.ts';
import type { Judgement } from '../../load/verdicts.ts';
import type { ProbeHistory } from '../probe/history.ts';
import type { ProbeReport } from '../probe/judge.ts';
import type { Blast, Expectation, RecoveryPart, Victim } from './drill.ts';
import type { Coverage, Execution, Hypothesis, Recovery, Restored } from './judge.ts';

/** Journal kind of a result; lists that are longer than a line stand on lines before it. */
export const RESULT_KIND = 'drill.result';

/** Three times that are told together: each alone can look harmless. Null: it did not happen, or had no end. */
export interface Interruption {
  /** Longest time without an acknowledgement around the fault, on the partitions that it struck. */
  readonly acknowledgementGapMs: number | null;
  /** From the first failed operation to three clean seconds. */
  readonly errorWindowMs: number | null;
  readonly backInsideSloMs: number | null;
}

/** What a drill leaves in its record, and what `drill show` prints. */
export interface DrillResult {
  readonly drill: string;
  readonly runId: string;
  readonly region: string;
  readonly environment: string;
  readonly target: string;
  readonly execution: Execution;
  readonly hypothesis: Hypothesis;
  readonly restored: Restored;
  readonly reasons: readonly string[];
  readonly victim: Victim;
  readonly blast: Blast;
  readonly fault: string;
  readonly preflight: readonly Finding[];
  readonly baseline: Baseline | null;
  /** Wall clock of the fault, ms since the epoch. */
  readonly faultAtMs: number;
  readonly recovery: Recovery;
  readonly interruption: Interruption;
  readonly recoveryTargetMs: number;
  readonly restoredInMs: number | null;
  readonly expected: Readonly<Partial<Record<RecoveryPart, Expectation>>>;
  readonly coverage: Coverage;
  readonly judgement: Judgement;
  readonly proof: Proof;
  /** What was written straight to the store that was struck; absent: the drill has no such probe. */
  readonly probe?: ProbeReport & { readonly history: ProbeHistory };
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
