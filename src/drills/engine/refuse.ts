import { UpliftError } from '../../core/error.ts';
import { EXIT } from '../../core/exit.ts';
import type { Finding } from '../../core/finding.ts';
import type { Preparation, Prepared } from './drill.ts';

/** Pure: findings that do not let a drill begin. One without data is among them. */
export function notMet(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ status }) => status !== 'pass' && status !== 'notApplicable');
}

/** Pure: why the victims are more than may be hit at once, or undefined. */
export function tooMany({ blast }: Pick<Prepared, 'blast'>, maxShare: number): string | undefined {
  if (blast.hit <= blast.of * maxShare) return undefined;
  return `${blast.hit} of ${blast.of} ${blast.what} are more than ${Math.round(maxShare * 100)} % of them (drills.maxShare)`;
}

/** The preparation if it may begin. Throws UPL-PREFLIGHT-REFUSED (15) with the findings that are not met. */
export function requireReady(preparation: Preparation, maxShare: number): Prepared {
  if (preparation.kind === 'refused') throw refusal(preparation.findings);
  requireMet(preparation.findings);
  const share = tooMany(preparation, maxShare);
  if (share !== undefined) throw refusedFor(share);
  return preparation;
}

/** Throws UPL-PREFLIGHT-REFUSED (15) where a finding does not let a drill begin. */
export function requireMet(findings: readonly Finding[]): void {
  if (notMet(findings).length > 0) throw refusal(findings);
}

/** UPL-PREFLIGHT-REFUSED for drills that are stopped. */
export function refusedWhileStopped(why: string): UpliftError {
  return refusedFor(why, 'uplift drill allow');
}

/** UPL-PREFLIGHT-REFUSED for one reason. */
export function refusedFor(reason: string, next = 'uplift check'): UpliftError {
  const message = `The preflight refuses: ${reason}. Nothing was touched.`;
  return new UpliftError('UPL-PREFLIGHT-REFUSED', { message, next, exit: EXIT.refused });
}

function refusal(findings: readonly Finding[]): UpliftError {
  const bad = notMet(findings);
  const next = bad.find((finding) => finding.next !== undefined)?.next ?? 'uplift check';
  const message = `The preflight refuses: ${bad.length} of ${findings.length} conditions are not met. Nothing was touched.`;
  return new UpliftError('UPL-PREFLIGHT-REFUSED', { message, findings: bad, next, exit: EXIT.refused });
}

/** Before anything is looked at: what an earlier run left broken would only show up as somebody else's fault. */
export function refuseUnfinished([first, ...others]: readonly string[]): void {
  if (first === undefined) return;
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  throw new UpliftError('UPL-DRILL-UNFINISHED', {
    message: `Run ${first}${more} has not been restored, or is still running. Nothing was touched.`,
    next: `uplift drill recover ${first}`,
  });
}
