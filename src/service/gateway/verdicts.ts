import type { Operation } from '../../contract/http.ts';
import type { ProblemKind } from './problems.ts';
import type { Verb } from './requests.ts';

/** Refusals of the fold as problems. */
const REFUSALS: Readonly<Record<string, ProblemKind>> = {
  full: 'full',
  past: 'past',
  'too-large': 'tooLarge',
  'hold-too-long': 'holdTooLong',
  'id-taken': 'idTaken',
  'not-found': 'notFound',
  'not-held': 'notHeld',
  'hold-ended': 'holdEnded',
};

/** How a decision is answered to whoever waited for it. */
export type Verdict =
  | { readonly kind: 'done'; readonly status: 200 | 201 }
  | { readonly kind: 'problem'; readonly problem: ProblemKind; readonly detail?: string };

/** Pure. An operation stands with its first decision, so `repeated` is none of its own. */
export function verdictOf({ decision, reason }: Operation, verb: Verb): Verdict {
  if (decision === 'accepted') return { kind: 'done', status: verb === 'create' ? 201 : 200 };
  if (decision === 'expired') return { kind: 'problem', problem: 'expired' };
  const problem = reason === null ? undefined : REFUSALS[reason];
  if (problem !== undefined) return { kind: 'problem', problem };
  return { kind: 'problem', problem: 'rejected', detail: reason ?? decision };
}
