import { EXIT, type ExitCode } from './exit.ts';

/** What one question was answered with. `inconclusive` is its own answer: no data is never a pass. */
export type FindingStatus = 'pass' | 'warn' | 'fail' | 'inconclusive' | 'blocked' | 'notApplicable';

/** Where a promise was made, as `file:line` of uplift.yaml or the name of a flag, variable or default. */
export interface PromiseOrigin {
  readonly source: 'file' | 'env' | 'flag' | 'default';
  readonly text: string;
}

/** One piece of what was seen: the query that was asked and the raw answer it got. */
export interface Evidence {
  readonly query: string;
  readonly value: string;
}

/** One answer, with what was seen and what to type next. `id` is dotted, permanent and never reused. */
export interface Finding {
  readonly id: string;
  /** The healthy condition in words, e.g. "every partition has its full ISR". */
  readonly title: string;
  readonly status: FindingStatus;
  /** What is the case, with the number and its limit. */
  readonly summary: string;
  readonly region?: string;
  readonly evidence: readonly Evidence[];
  readonly promise?: PromiseOrigin;
  readonly next?: string;
}

export type Verdict = 'pass' | 'warn' | 'fail' | 'inconclusive';

const WORST_FIRST: readonly FindingStatus[] = [
  'fail',
  'blocked',
  'inconclusive',
  'warn',
  'pass',
  'notApplicable',
];

/** Orders findings the worst first, stable within a status. */
export function worstFirst(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) => WORST_FIRST.indexOf(a.status) - WORST_FIRST.indexOf(b.status));
}

/**
 * Merges findings into one verdict: fail > inconclusive (also `blocked`) > warn > pass.
 * Nothing examined (no finding, or only `notApplicable`) is inconclusive, never a pass.
 */
export function verdictOf(findings: readonly Pick<Finding, 'status'>[]): Verdict {
  const has = (...statuses: FindingStatus[]): boolean => findings.some((f) => statuses.includes(f.status));
  if (has('fail')) return 'fail';
  if (has('inconclusive', 'blocked')) return 'inconclusive';
  if (has('warn')) return 'warn';
  return has('pass') ? 'pass' : 'inconclusive';
}

/** Exit code of a verdict. Warnings count only under `--strict`. */
export function exitOfVerdict(verdict: Verdict, options: { strict?: boolean } = {}): ExitCode {
  if (verdict === 'fail') return EXIT.fail;
  if (verdict === 'inconclusive') return EXIT.inconclusive;
  return verdict === 'warn' && options.strict === true ? EXIT.warningsUnderStrict : EXIT.ok;
}
