/** A record that somebody was given, when it was seen to be. */
export interface Seen {
  readonly atMs: number;
  readonly partition: number;
  readonly offset: string;
  readonly by: string;
}

export interface Gaps {
  /** Partitions that the victim had when it was hit. */
  readonly victims: readonly number[];
  /** Longest silence of one of these, from the fault on; `ended: false`: it had not ended when the look did. */
  readonly victimGapMs: number;
  readonly ended: boolean;
  /** Longest silence of the partitions of the others: what the rebalance costs those that were well. */
  readonly otherGapMs: number;
  /** Records that were given twice. */
  readonly twice: number;
}

const BEFORE_MS = 3000;

/** What a fault did to the flow of records, each partition of which takes one several times a second. Pure. */
export function gapsOf(
  seen: readonly Seen[],
  fault: {
    readonly atMs: number;
    readonly endMs: number;
    readonly victim: string;
    readonly partitions: number;
  },
): Gaps {
  const recent = seen.filter(({ atMs }) => atMs >= fault.atMs - BEFORE_MS && atMs <= fault.endMs);
  const owner = new Map<number, string>();
  for (const { atMs, partition, by } of recent) if (atMs < fault.atMs) owner.set(partition, by);
  const all = Array.from({ length: fault.partitions }, (_, partition) => partition);
  const victims = all.filter((partition) => owner.get(partition) === fault.victim);
  const silences = new Map(all.map((partition) => [partition, longestSilence(recent, partition, fault)]));
  const worst = (partitions: readonly number[]): { ms: number; ended: boolean } =>
    partitions
      .map((partition) => silences.get(partition) ?? { ms: 0, ended: true })
      .reduce((one, other) => (other.ms > one.ms ? other : one), { ms: 0, ended: true });
  const gap = worst(victims);
  const others = worst(all.filter((partition) => !victims.includes(partition)));
  const offsets = recent.map(({ partition, offset }) => `${partition}/${offset}`);
  return {
    victims,
    victimGapMs: gap.ms,
    ended: gap.ended,
    otherGapMs: others.ms,
    twice: offsets.length - new Set(offsets).size,
  };
}

function longestSilence(
  seen: readonly Seen[],
  partition: number,
  { atMs, endMs }: { readonly atMs: number; readonly endMs: number },
): { readonly ms: number; readonly ended: boolean } {
  const times = seen.filter((each) => each.partition === partition).map((each) => each.atMs);
  const before = times.filter((time) => time < atMs).at(-1) ?? atMs;
  const points = [before, ...times.filter((time) => time >= atMs), endMs];
  let longest = { ms: 0, ended: true };
  for (let at = 1; at < points.length; at += 1) {
    const ms = (points[at] ?? 0) - (points[at - 1] ?? 0);
    if (ms > longest.ms) longest = { ms, ended: at < points.length - 1 };
  }
  return longest;
}
