import type { Block, Mark } from '../core/blocks.ts';
import { type Finding, type FindingStatus, type Verdict, verdictOf } from '../core/finding.ts';

const MARKS: Readonly<Record<Verdict, Mark>> = {
  pass: 'ok',
  warn: 'warn',
  fail: 'bad',
  inconclusive: 'unknown',
};

/** Findings, the worst first, then one line that counts them. */
export function presentChecks(findings: readonly Finding[]): Block[] {
  const count = (...statuses: FindingStatus[]): number =>
    findings.filter(({ status }) => statuses.includes(status)).length;
  const counts = [
    `${count('pass')} pass`,
    `${count('warn')} warn`,
    `${count('fail')} fail`,
    `${count('inconclusive', 'blocked')} inconclusive`,
    ...(count('notApplicable') > 0 ? [`${count('notApplicable')} not applicable`] : []),
  ];
  return [
    { kind: 'findings', findings },
    { kind: 'verdict', text: `${counts.join(' · ')}.`, mark: MARKS[verdictOf(findings)] },
  ];
}
