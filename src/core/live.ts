/**
 * What a drill tells of itself while it goes on, for somebody who watches it: data beside the lines of `Progress`. Nothing
 * of it is a result, and nothing is lost where nobody listens.
 */
export type LiveEvent =
  | LivePlan
  | LiveLoad
  | LiveSeen
  | { readonly kind: 'phase'; readonly phase: LivePhase; readonly state: 'begun' | 'ended' }
  | LiveStep;

export type Live = (event: LiveEvent) => void;

/** Phases under load, as the journal has them. */
export type LivePhase = 'baseline' | 'fault' | 'restore' | 'after';

/** What is going to happen, once the preflight has found it. */
export interface LivePlan {
  readonly kind: 'plan';
  readonly drill: string;
  readonly region: string;
  readonly environment: string;
  readonly target: string;
  /** "broker 2 (az-b), leads 26 of 72 partitions". */
  readonly victim: string;
  /** "SIGKILL broker 2 (az-b)". */
  readonly fault: string;
  readonly steps: number;
  readonly ratePerS: number;
  /** How long a baseline takes that is steady at once, and how long the load goes on after the restore. */
  readonly baselineMs: number;
  readonly afterMs: number;
  readonly parts: readonly LivePart[];
  /** Back inside SLO within this time. */
  readonly recoveryTargetMs: number;
}

/** A part of the recovery with what is expected of it. */
export interface LivePart {
  readonly id: string;
  /** "back inside SLO". */
  readonly name: string;
  /** Null: no setting bounds it. */
  readonly expectedMs: number | null;
  readonly by: string;
}

/** A second of the load, by its number since the load began. */
export interface LiveSecond {
  readonly second: number;
  readonly ok: number;
  readonly failing: number;
}

export interface LiveLoad {
  readonly kind: 'load';
  readonly acknowledged: number;
  readonly inFlight: number;
  /** The worst second of the last five; null: nothing was acknowledged in them. */
  readonly p99Ms: number | null;
  /** How long ago the last whole second ended: what came back counts only once it is on disk. */
  readonly ageMs: number;
  /** Whole seconds since the event before, oldest first. */
  readonly seconds: readonly LiveSecond[];
}

/** What is seen of the store while the fault lasts. */
export interface LiveSeen {
  readonly kind: 'seen';
  readonly sinceFaultMs: number;
  /** Until the observation ends, whatever is seen by then. */
  readonly leftMs: number;
  /** By id of the part, in ms; null: not seen yet. */
  readonly parts: Readonly<Record<string, number | null>>;
  readonly leaders?: LiveLeaders | undefined;
}

/** Who leads, as far as a drill can tell. */
export interface LiveLeaders {
  /** "17 of 26 partitions wait for a leader". */
  readonly text: string;
  /** Somebody waits for a leader. */
  readonly waits: boolean;
}

/** A step of the fault, or the undoing of one. */
export interface LiveStep {
  readonly kind: 'step';
  readonly state: 'begun' | 'undoing';
  readonly text: string;
}
