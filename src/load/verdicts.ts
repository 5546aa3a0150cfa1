import type { Op, ReadEntry } from './entries.ts';
import type { FinalReads, Position } from './final-reads.ts';
import type { LoadVerb } from './stories.ts';

export interface JudgeInput {
  readonly tenant: string;
  readonly ops: readonly Op[];
  readonly reads: readonly ReadEntry[];
  /** False when the history has no `end` line or its digest differs: phantoms cannot be told then. */
  readonly historyComplete: boolean;
  readonly finalReads: FinalReads;
  /** Capacity of a resource; undefined = not known, which leaves oversold open. */
  readonly capacityOf: (resource: string) => number | undefined;
}

/** Between which two an acknowledged command got lost. */
export type Hop =
  | 'gateway → commands log'
  | 'commands log → events log'
  | 'events log → writer'
  | `writer → replica ${string}`
  | 'writer → API';

export interface ClaimedPosition extends Position {
  readonly topicId: string;
}

export interface Lost {
  readonly eventId: string;
  readonly verb: LoadVerb;
  /** Id of the reservation it was about; null for what makes one. */
  readonly reservation: string | null;
  readonly hop: Hop;
  /** µs since the load's start. */
  readonly acknowledgedUs: number;
  /** What the token of the acknowledgement says; null when it could not be read. */
  readonly claimed: ClaimedPosition | null;
  readonly whatStandsThere: string;
  /** Sources behind the hop that hold it all the same. */
  readonly alsoIn: readonly string[];
}

/** Not lost, but not where its acknowledgement said. */
export interface Moved {
  readonly eventId: string;
  readonly claimed: ClaimedPosition;
  readonly found: readonly Position[];
  readonly whatStandsThere: string;
}

export interface Duplicate {
  readonly eventId: string;
  readonly where: string;
  readonly what: string;
}

/** The same event id again in a topic: allowed, and reported. */
export interface Repeated {
  readonly eventId: string;
  readonly topic: 'commands' | 'events';
  readonly times: number;
}

export interface Phantom {
  readonly eventId: string;
  readonly why: 'never invoked' | 'refused';
  readonly where: readonly string[];
}

/** A later look saw less than an earlier one, or an acknowledged operation was never seen by any of its looks. */
export interface Stale {
  readonly eventId: string;
  readonly kind: 'went back' | 'never seen';
  readonly what: ReadEntry['what'];
  readonly acknowledgedUs: number;
  readonly readUs: number;
  readonly gateway: string;
}

export interface Oversold {
  readonly source: string;
  readonly resource: string;
  readonly atMs: number;
  readonly held: number;
  readonly capacity: number;
  readonly eventIds: readonly string[];
}

export interface OutOfOrder {
  readonly kind: 'decisions' | 'acknowledgements' | 'versions';
  readonly resource: string;
  readonly earlier: string;
  readonly later: string;
  readonly detail: string;
}

/** Two sources tell different stories about one event. */
export interface Disagreement {
  readonly eventId: string;
  readonly where: string;
  readonly detail: string;
}

/** A row that is not what the log made of its reservation. */
export interface Projected {
  readonly server: string;
  readonly reservationId: string;
  readonly what: string;
}

/** How late acknowledged operations became visible to reads, among those that were read back. */
export interface Visibility {
  readonly operations: number;
  readonly seen: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly maxMs: number | null;
}

export interface Ends {
  readonly accepted: number;
  readonly rejected: number;
  readonly deadLettered: number;
  readonly lost: number;
  readonly unknown: number;
}

export interface Judgement {
  readonly verdict: 'pass' | 'fail' | 'inconclusive';
  /** Why it is not a pass, one sentence each. */
  readonly reasons: readonly string[];
  /** Event ids: asked for / acknowledged with 202 / perhaps done / certainly refused. */
  readonly invoked: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly unknownFound: number;
  readonly refused: number;
  /** How the acknowledged ones ended; the five add up to `acknowledged`. */
  readonly ends: Ends;
  readonly lost: readonly Lost[];
  readonly moved: readonly Moved[];
  readonly duplicates: readonly Duplicate[];
  readonly repeated: readonly Repeated[];
  /** Records of the events log that replay a dead letter. */
  readonly replayed: number;
  readonly phantoms: readonly Phantom[];
  readonly stale: readonly Stale[];
  readonly visibility: Visibility;
  readonly oversold: readonly Oversold[];
  readonly outOfOrder: readonly OutOfOrder[];
  readonly disagreements: readonly Disagreement[];
  readonly projected: readonly Projected[];
}
