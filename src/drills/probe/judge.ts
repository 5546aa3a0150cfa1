import { formatCount } from '../../core/units.ts';
import { ackGap, countAcks, longestGap } from '../../load/measure.ts';
import type { AckTimes } from '../../load/timeline.ts';
import type { ProbeReads, ProbeWrite, StoreProbe } from './probe.ts';

export interface ProbeLoss {
  readonly id: string;
  readonly group: string;
  /** Below 0: before the fault. */
  readonly acknowledgedAfterFaultMs: number;
  /** Places of its group that do not have it. */
  readonly missingAt: readonly string[];
}

/** What the final reads say of the writes. */
export interface ProbeJudgement {
  readonly acknowledged: number;
  readonly refused: number;
  readonly unknown: number;
  /** Unknown ones that stand somewhere: they were written after all. */
  readonly unknownFound: number;
  readonly lost: readonly ProbeLoss[];
  /** Found although the store refused them, or though nobody wrote them. */
  readonly phantom: readonly string[];
  /** Found more than once in one place. */
  readonly duplicate: readonly string[];
}

export interface ProbeEvidence {
  readonly writes: readonly ProbeWrite[];
  readonly reads: Pick<ProbeReads, 'places'>;
  readonly faultNs: bigint;
}

/** Pure: an acknowledged write is lost when one place that should have it does not. */
export function judgeProbe({ writes, reads, faultNs }: ProbeEvidence): ProbeJudgement {
  const places = reads.places.map(({ place, group, ids }) => ({ place, group, ids, has: new Set(ids) }));
  const placesOf = Map.groupBy(places, ({ group }) => group);
  const found = new Set(places.flatMap(({ ids }) => ids));
  const of = (outcome: ProbeWrite['outcome']): ProbeWrite[] =>
    writes.filter((write) => write.outcome === outcome);
  const known = new Set(writes.filter(({ outcome }) => outcome !== 'fail').map(({ id }) => id));
  const lost = of('ok').flatMap(({ id, group, endedNs }): ProbeLoss[] => {
    const missingAt = (placesOf.get(group) ?? []).flatMap(({ place, has }) => (has.has(id) ? [] : [place]));
    const acknowledgedAfterFaultMs = Number(endedNs - faultNs) / 1e6;
    return missingAt.length === 0 ? [] : [{ id, group, acknowledgedAfterFaultMs, missingAt }];
  });
  return {
    acknowledged: of('ok').length,
    refused: of('fail').length,
    unknown: of('info').length,
    unknownFound: of('info').filter(({ id }) => found.has(id)).length,
    lost,
    phantom: [...found].filter((id) => !known.has(id)),
    duplicate: [...new Set(places.flatMap(({ ids }) => repeated(ids)))],
  };
}

/** Groups with something acknowledged and no place that was read: nothing of them could be found missing. */
function placeless({ writes, reads }: ProbeEvidence, store: string): string[] {
  const read = new Set(reads.places.map(({ group }) => group));
  const acknowledged = new Set(writes.flatMap(({ outcome, group }) => (outcome === 'ok' ? [group] : [])));
  const [first, ...others] = [...acknowledged].filter((group) => !read.has(group));
  if (first === undefined) return [];
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  return [`what the probe wrote to ${first}${more} in ${store} was read back from nowhere`];
}

function repeated(ids: readonly string[]): string[] {
  const once = new Set<string>();
  return ids.filter((id) => once.size === once.add(id).size);
}

/** How many losses were planted, one in each place, and how many of them the judge named, and nothing else with them. */
export interface ProbeProof {
  readonly planted: number;
  readonly named: number;
}

/** Takes one acknowledged write out of a copy of each place in turn; a test puts a broken judge in. */
export function proveProbe(
  evidence: ProbeEvidence,
  judge: (evidence: ProbeEvidence) => Pick<ProbeJudgement, 'lost'> = judgeProbe,
): ProbeProof {
  const { writes, reads } = evidence;
  const before = new Set(judge(evidence).lost.map(({ id }) => id));
  const whole = writes.filter(({ id, outcome }) => outcome === 'ok' && !before.has(id));
  const named = reads.places.filter((place, at) => {
    const own = whole.filter(({ group }) => group === place.group);
    const taken = own[Math.floor((own.length * (at + 1)) / (reads.places.length + 1))];
    if (taken === undefined) return false;
    const places = reads.places.map((each) =>
      each === place ? { ...each, ids: each.ids.filter((id) => id !== taken.id) } : each,
    );
    const fresh = judge({ ...evidence, reads: { places } }).lost.filter(({ id }) => !before.has(id));
    return fresh.length === 1 && fresh[0]?.id === taken.id && fresh[0].missingAt.join() === place.place;
  });
  return { planted: reads.places.length, named: named.length };
}

/** Acknowledgements of these groups, in µs of the monotonic clock. */
export function probeAcks(writes: readonly ProbeWrite[], groups: ReadonlySet<string>): AckTimes {
  const times = writes
    .filter(({ outcome, group }) => outcome === 'ok' && groups.has(group))
    .map(({ endedNs }) => usOf(endedNs));
  return { count: times.length, atUs: (index) => times[index] ?? 0, partition: () => 0 };
}

const usOf = (ns: bigint): number => Number(ns / 1000n);

/** The first acknowledgement on a struck group at or after a moment; null: there was none. */
export function firstAckNs(
  { writes, struck }: Pick<StoreProbe, 'writes' | 'struck'>,
  fromNs: bigint,
): bigint | null {
  const { firstAfterUs } = ackGap(probeAcks(writes(), struck), usOf(fromNs));
  return firstAfterUs === null ? null : BigInt(firstAfterUs) * 1000n;
}

/** What a probe leaves in the record of a drill. */
export interface ProbeReport extends ProbeJudgement {
  readonly store: string;
  readonly durability: string;
  readonly lostCount: number;
  /** On the groups that were struck. */
  readonly struck: {
    readonly acknowledgedJustBefore: number;
    readonly acknowledgedAfter: number;
    /** Longest time without an acknowledgement around the fault; null: it had no end. */
    readonly silentMs: number | null;
  };
  readonly places: number;
  readonly unread: readonly string[];
  readonly proof: ProbeProof;
}

/** Pure: everything a probe says of one fault, from its beginning to the end of the restore. */
export function reportOf(
  probe: Pick<StoreProbe, 'store' | 'durability' | 'struck'>,
  evidence: ProbeEvidence & { readonly reads: ProbeReads; readonly restoredNs: bigint },
): ProbeReport {
  const { writes, reads, faultNs, restoredNs } = evidence;
  const { store, durability, struck } = probe;
  const acks = probeAcks(writes, struck);
  const judged = judgeProbe(evidence);
  const [faultUs, restoredUs] = [usOf(faultNs), usOf(restoredNs)];
  return {
    store,
    durability,
    ...judged,
    lostCount: judged.lost.length,
    struck: {
      acknowledgedJustBefore: countAcks(acks, faultUs - 1_000_000, faultUs),
      acknowledgedAfter: countAcks(acks, faultUs, Number.POSITIVE_INFINITY),
      silentMs: longestGap(acks, faultUs, restoredUs).gapMs,
    },
    places: reads.places.length,
    unread: [...reads.unread, ...placeless(evidence, store)],
    proof: proveProbe(evidence),
  };
}

/** Pure: what a report says against a drill, and what it cannot say. */
export function probeVerdict(report: ProbeReport): {
  readonly broken: readonly string[];
  readonly missing: readonly string[];
} {
  const { store, lostCount, phantom, duplicate, unread, proof, struck } = report;
  const those = (count: number, what: string): string[] =>
    count === 0 ? [] : [`${store} ${what.replace('#', formatCount(count))}`];
  return {
    broken: [
      ...those(lostCount, 'lost # acknowledged writes of the probe'),
      ...those(phantom.length, 'has # writes of the probe that it refused'),
      ...those(duplicate.length, 'has # writes of the probe more than once'),
    ],
    missing: [
      ...unread,
      ...(proof.planted > 0 && proof.named === proof.planted
        ? []
        : [`only ${proof.named} of ${proof.planted} losses planted in ${store} were named`]),
      ...(struck.acknowledgedJustBefore > 0
        ? []
        : [`${store} acknowledged no write of the probe within 1 s before the fault where it struck`]),
      ...(struck.acknowledgedAfter > 0
        ? []
        : [`${store} acknowledged no write of the probe after the fault where it struck`]),
    ],
  };
}
