import type { Capture } from '../domain/snapshot.ts';
import { emptyState, type FoldState } from '../domain/state.ts';
import type { StoredPosition } from '../runtime/stored-position.ts';
import type { Covered } from './snapshots/policy.ts';

/** Where a restore begins: a state, and where commands and events go on that it does not cover. */
export interface Base {
  readonly state: FoldState;
  readonly nextCommandOffset: bigint;
  readonly events: StoredPosition;
}

/** Before the first command: for a partition whose events are all there. */
export function emptyBase(): Base {
  return { state: emptyState(), nextCommandOffset: 0n, events: { nextOffset: 0n, leaderEpoch: -1 } };
}

/** A state to write down, with where the commands and the events begin that it does not cover. */
export interface CoveredCapture {
  readonly capture: Capture;
  readonly covered: Covered;
  readonly commands: StoredPosition;
  readonly events: StoredPosition;
}
