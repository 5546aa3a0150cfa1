import { countAcks, longestGap } from '../../load/measure.ts';
import { judgeProbe, type ProbeJudgement, provesItself } from './judge.ts';
import type { Probe } from './probe.ts';

/** Acknowledgements of the store in the fault window, without which "0 lost" would say nothing. */
const COVERAGE = 100;

/** What a probe leaves in the record of a drill. */
export interface ProbeResult {
  readonly what: string;
  readonly judgement: ProbeJudgement;
  /** Of these, how many came between the fault and the end of the restore. */
  readonly acknowledgedInFaultWindow: number;
  /** Longest time without an acknowledgement of the store from the fault to the end of the restore; null: it has no end. */
  readonly acknowledgementGapMs: number | null;
  /** A loss planted into a copy of its final reads was named. */
  readonly proved: boolean;
}

/** Ends a probe, reads everything that it wrote, judges, and proves the judge. */
export async function concludeProbe(
  probe: Probe,
  { faultNs, endNs }: { readonly faultNs: bigint; readonly endNs: bigint },
): Promise<ProbeResult> {
  const [fromUs, toUs] = [probe.atUs(faultNs), probe.atUs(endNs)];
  const writes = await probe.stop();
  const input = { what: probe.what, writes, reads: await probe.finalReads() };
  return {
    what: probe.what,
    judgement: judgeProbe(input),
    acknowledgedInFaultWindow: countAcks(probe.acks, fromUs, toUs),
    acknowledgementGapMs: longestGap(probe.acks, fromUs, toUs).gapMs,
    proved: provesItself(input),
  };
}

/** Pure: why a probe says nothing, as sentences; a drill without one misses nothing. */
export function missingOf(result: ProbeResult | null): readonly string[] {
  if (result === null) return [];
  const { judgement, proved, acknowledgedInFaultWindow: count } = result;
  if (judgement.broken.length === 0 && judgement.missing.length === 0 && count < COVERAGE)
    return [`only ${count} writes of the probe acknowledged in the fault window, ${COVERAGE} needed`];
  // Where something is broken the judge has named it; a planted loss beside it may have no place.
  if (proved || judgement.broken.length > 0 || judgement.missing.length > 0) return judgement.missing;
  return [`the judge of the probe did not name a planted loss (${result.what})`];
}
