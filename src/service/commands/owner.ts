import type { Produce } from '../../clients/kafka/ports.ts';
import type { CommandType, DecisionKind } from '../../contract/records.ts';
import type { Writing } from './outbox.ts';
import type { OnDecision } from './traces.ts';

/** What the owner of a partition does at the moment. */
export type Phase = 'restoring' | 'deciding' | 'stopped';

/** What the owner of a partition works with, and whom it tells. */
export interface OwnerDeps extends Writing {
  readonly partition: number;
  readonly produce: Pick<Produce, 'send'>;
  readonly sendDeadlineMs: number;
  /** A decision was made; it is not written yet. */
  readonly onDecision?: OnDecision | undefined;
  readonly onDecided: (decision: DecisionKind, command: CommandType | null) => void;
  readonly onStopped: (partition: number, reason: string, differs: boolean) => void;
  /** Read commands from here: state is restored, or commands were dropped because too many decisions waited. */
  readonly onReadFrom: (partition: number, nextCommandOffset: bigint) => void;
  /** A send failed for good: the state is ahead of the log, so it was forgotten and has to be restored. */
  readonly onReset: (partition: number, reason: string) => void;
}
