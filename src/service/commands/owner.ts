import type { Produce } from '../../clients/kafka/ports.ts';
import type { EventSchema } from '../../contract/events.ts';
import type { CommandType, DecisionKind } from '../../contract/records.ts';
import type { OnDecision } from './traces.ts';

/** What the owner of a partition does at the moment. */
export type Phase = 'restoring' | 'deciding' | 'stopped';

/** What the owner of a partition works with, and whom it tells. */
export interface OwnerDeps {
  readonly partition: number;
  readonly produce: Pick<Produce, 'send'>;
  readonly sendDeadlineMs: number;
  /** Schema the events are written in; all are read. */
  readonly eventSchema: EventSchema;
  /** A decision was made; it is not written yet. */
  readonly onDecision?: OnDecision | undefined;
  readonly onDecided: (decision: DecisionKind, command: CommandType | null) => void;
  readonly onStopped: (partition: number, reason: string, differs: boolean) => void;
  /** Read commands from here: state is restored, or commands were dropped because too many decisions waited. */
  readonly onReadFrom: (partition: number, nextCommandOffset: bigint) => void;
  /** A send failed for good: the state is ahead of the log, so it was forgotten and has to be restored. */
  readonly onReset: (partition: number, reason: string) => void;
}
