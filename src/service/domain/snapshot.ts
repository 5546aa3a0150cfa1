import { z } from 'zod';
import { stateOf } from '../../contract/events.ts';
import { type ReservationState, reservationStateSchema } from '../../contract/records.ts';
import type { First, FirstsView } from './firsts.ts';
import type { LiveView } from './live.ts';
import { emptyState, type FoldState, isOver, place } from './state.ts';

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
export type SnapshotFirst = Snapshot['firsts'][number];

/**
 * What a snapshot is made of, as references: quick to take, and as it was however far the state goes on, because what
 * the state holds is replaced and never changed.
 */
export interface Capture {
  readonly rulesVersion: number;
  readonly lastCommandOffset: bigint;
  readonly logTimeMs: number;
  /** In the order of their decisions. */
  readonly firsts: FirstsView;
  /** In no order that means anything; some may be over at this log time already. */
  readonly live: LiveView;
}

export function captureOf(state: FoldState): Capture {
  const { rulesVersion, lastCommandOffset, logTimeMs } = state;
  const [firsts, live] = [state.firsts.view(logTimeMs), state.live.view()];
  return { rulesVersion, lastCommandOffset, logTimeMs, firsts, live };
}

/** The live reservations of a capture, as a snapshot writes them. */
export function* liveOf({ live, logTimeMs }: Capture): Generator<ReservationState> {
  for (const reservation of live) if (!isOver(reservation, logTimeMs)) yield stateOf(reservation);
}

/** A first decision as a snapshot writes it. */
export function firstOf([eventId, first]: readonly [eventId: string, first: First]): SnapshotFirst {
  return {
    eventId,
    commandOffset: first.commandOffset,
    decision: first.decision,
    logTimeMs: first.logTimeMs,
    reservation: first.reservation === null ? null : stateOf(first.reservation),
  };
}

export function snapshotOf(state: FoldState): Snapshot {
  const capture = captureOf(state);
  const { rulesVersion, lastCommandOffset, logTimeMs, firsts } = capture;
  return {
    rulesVersion,
    lastCommandOffset: lastCommandOffset.toString(),
    logTimeMs,
    firsts: Array.from(firsts, firstOf),
    live: [...liveOf(capture)].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
  };
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
