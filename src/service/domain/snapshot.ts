import { z } from 'zod';
import { stateOf } from '../../contract/events.ts';
import { reservationStateSchema } from '../../contract/records.ts';
import { emptyState, type FoldState, liveAt, place } from './state.ts';

/**
 * The state of one partition as data: what counts at its log time and nothing else, in one order. Two states that decide
 * alike have one snapshot, whatever each of them has dropped from memory already.
 */
export const snapshotSchema = z.object({
  rulesVersion: z.int(),
  lastCommandOffset: z.string().regex(/^-?\d{1,19}$/),
  logTimeMs: z.int(),
  /** In the order of their decisions. */
  firsts: z.array(
    z.object({
      eventId: z.string(),
      commandOffset: z.string(),
      decision: z.enum(['accepted', 'rejected', 'expired']),
      logTimeMs: z.int(),
      reservation: reservationStateSchema.nullable(),
    }),
  ),
  /** By id. */
  live: z.array(reservationStateSchema),
});
export type Snapshot = z.infer<typeof snapshotSchema>;

export function snapshotOf(state: FoldState): Snapshot {
  const { rulesVersion, lastCommandOffset, logTimeMs } = state;
  const firsts = [...state.firsts.all(logTimeMs)].map(([eventId, first]) => ({
    eventId,
    commandOffset: first.commandOffset,
    decision: first.decision,
    logTimeMs: first.logTimeMs,
    reservation: first.reservation === null ? null : stateOf(first.reservation),
  }));
  const live = [...state.live.keys()].toSorted().flatMap((id) => {
    const found = liveAt(state, id, logTimeMs);
    return found === undefined ? [] : [stateOf(found)];
  });
  return { rulesVersion, lastCommandOffset: lastCommandOffset.toString(), logTimeMs, firsts, live };
}

/** The state that has this snapshot. */
export function stateFrom(snapshot: Snapshot): FoldState {
  const state = emptyState();
  state.rulesVersion = snapshot.rulesVersion;
  state.lastCommandOffset = BigInt(snapshot.lastCommandOffset);
  state.logTimeMs = snapshot.logTimeMs;
  for (const { eventId, ...first } of snapshot.firsts) state.firsts.add(eventId, first);
  for (const reservation of snapshot.live) place(state, reservation);
  return state;
}
