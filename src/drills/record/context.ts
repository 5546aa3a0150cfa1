import type { TargetVersion } from '../../facts/versions/look.ts';

/** Who ran it, with what, against what: the first line of a drill's record. */
export interface DrillContext {
  readonly who: Who;
  /** Whom `--approver` named; a claim of whoever typed it. */
  readonly approver: string | null;
  readonly versions: readonly TargetVersion[];
  /** SHA-256 of every value of the configuration in force (`uplift config show` says the same). */
  readonly configSha256: string;
}

export interface Who {
  readonly user: string;
  readonly host: string;
  readonly uplift: string;
  readonly node: string;
  readonly platform: string;
}

export const CONTEXT_KIND = 'drill.context';
export const EVIDENCE_KIND = 'drill.evidence';
export const ENDED_KIND = 'drill.ended';
/** What is left as it is, by whom and why: body GivenUp and the steps that were not undone. */
export const GIVEN_UP_KIND = 'drill.givenUp';

/** Who says that nobody will put the rest of a run back any more. */
export interface GivenUp {
  readonly user: string;
  readonly host: string;
  readonly reason: string;
}
