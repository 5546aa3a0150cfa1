import type { Decision } from '../../../contract/records.ts';
import { encodeCommand, encodeDecision } from '../codec.ts';
import { type CommandRecord, decide, type Outcome } from '../decide.ts';
import { advance, apply, emptyState, type FoldState } from '../state.ts';
import type { NaiveRecord } from './naive.ts';

/** A record of a random history as it stands in the commands topic. */
export const recordOf = ({
  offset,
  timestampMs,
  command,
}: NaiveRecord): CommandRecord & { value: Buffer } => ({
  offset: BigInt(offset),
  timestampMs,
  value: command === 'garbage' ? Buffer.from('garbage') : encodeCommand(command),
});

/** Takes a record as the owner of a partition does. */
export function take(state: FoldState, record: CommandRecord): Outcome {
  const outcome = decide(state, record);
  if (outcome.kind === 'decided') apply(state, outcome.decision);
  if (outcome.kind === 'quiet') advance(state, outcome.logTimeMs);
  return outcome;
}

export function decisionsOf(state: FoldState, records: readonly CommandRecord[]): Decision[] {
  return records.flatMap((record) => {
    const outcome = take(state, record);
    return outcome.kind === 'decided' ? [outcome.decision] : [];
  });
}

/** The decisions of an owner that was always alone and never died, as they stand in the events topic. */
export function decidedAlone(history: readonly NaiveRecord[]): string[] {
  return decisionsOf(emptyState(), history.map(recordOf)).map((decision) =>
    encodeDecision(decision, 2).toString(),
  );
}
