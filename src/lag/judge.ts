import {
  type Certainty,
  type ConsumerFacts,
  type ConsumerLag,
  type LagState,
  type PartitionFacts,
  type PartitionLag,
  type PartitionState,
  STATES,
} from './types.ts';

export interface JudgeOptions {
  /** A consumer at most this far behind is `ok`, whatever it does. */
  readonly toleranceMs: number;
  /** Not moved for this long while behind: `stalled`. */
  readonly stalledAfterMs: number;
}

/** The lag of one consumer from two looks at it. Pure; docs/lag.md has the definitions. */
export function judgeConsumer(facts: ConsumerFacts, options: JudgeOptions): ConsumerLag {
  const { kind, name, groupState, windowMs, trouble } = facts;
  const base = { kind, name, groupState, windowMs };
  if (trouble !== null) return { ...base, ...NOTHING, ...trouble };
  if (facts.partitions.length === 0)
    return { ...base, ...NOTHING, state: 'noCommits', reason: 'it has committed nothing' };
  const partitions = facts.partitions.map((one) => judgePartition(one, facts, options));
  return {
    ...base,
    ...stateOf(facts.partitions, partitions),
    ...sizeOf(partitions),
    ...paceOf(facts.partitions, partitions, windowMs),
    partitions: partitions.toSorted(worstPartitionFirst),
  };
}

const NOTHING = {
  behindMs: null,
  behindIs: 'untold',
  records: null,
  lostRecords: 0,
  producedPerS: null,
  consumedPerS: null,
  drainedInMs: null,
  partitions: [],
} as const;

function judgePartition(facts: PartitionFacts, seen: ConsumerFacts, options: JudgeOptions): PartitionLag {
  const { topic, partition, committed, start, end, trouble, oldest } = facts;
  const base = { topic, partition, committed, start, end };
  if (trouble !== null || committed === null || end === null) {
    const { state, reason } = trouble ?? { state: 'unknown', reason: 'nothing was told of it' };
    return { ...base, state, reason, records: null, lostRecords: 0, behindMs: null };
  }
  if (committed > end) {
    const reason = `its position ${committed} is beyond the end ${end} of the log`;
    return { ...base, state: 'beyond', reason, records: null, lostRecords: 0, behindMs: null };
  }
  const lostRecords = start !== null && start > committed ? Number(start - committed) : 0;
  const onlyMarkers = oldest?.told === true && oldest.value === null;
  const records = onlyMarkers ? 0 : Number(end - committed) - lostRecords;
  const behindMs = records === 0 ? 0 : ageOf(facts, seen.atMs);
  const state =
    lostRecords > 0 ? 'lost' : stateOfPartition(facts, { records, behindMs }, seen.windowMs, options);
  const reason = records > 0 && oldest?.told === false ? `age of its oldest record: ${oldest.reason}` : null;
  return { ...base, state, reason, records, lostRecords, behindMs };
}

function ageOf({ oldest }: PartitionFacts, atMs: number): number | null {
  if (oldest?.told !== true || oldest.value === null) return null;
  return Math.max(0, atMs - oldest.value);
}

function stateOfPartition(
  { committed, before, stable }: PartitionFacts,
  { records, behindMs }: { readonly records: number; readonly behindMs: number | null },
  windowMs: number,
  { toleranceMs, stalledAfterMs }: JudgeOptions,
): PartitionState {
  if (records === 0) return 'caughtUp';
  if (behindMs !== null && behindMs <= toleranceMs) return 'ok';
  const waited = before !== null && before.committed === committed && before.end > before.committed;
  if (!waited) return 'behind';
  if (stable !== null && committed !== null && committed >= stable) return 'blocked';
  return windowMs >= stalledAfterMs ? 'stalled' : 'behind';
}

/** The worst of its partitions; what is merely behind is told apart by where it is going. */
function stateOf(
  facts: readonly PartitionFacts[],
  partitions: readonly PartitionLag[],
): { readonly state: LagState; readonly reason: string | null } {
  const states = new Set<LagState>(
    partitions.map(({ state }) => {
      if (state === 'behind') return directionOf(facts);
      if (state === 'caughtUp') return facts.some(moved) ? 'ok' : 'idle';
      return state;
    }),
  );
  const state = STATES.find((one) => states.has(one)) ?? 'unknown';
  const same = partitions.filter((one) => one.state === state && one.reason !== null);
  const [worst] = same;
  const untold = partitions.find(({ reason }) => reason !== null);
  const named = worst ?? untold;
  const reason = named === undefined ? null : `${named.topic}/${named.partition}: ${named.reason}`;
  return { state, reason };
}

const moved = ({ before, committed, end }: PartitionFacts): boolean =>
  before !== null && (before.committed !== committed || before.end !== end);

function directionOf(facts: readonly PartitionFacts[]): 'growing' | 'draining' | 'behind' {
  const grown = facts.reduce((sum, one) => sum + growthOf(one), 0);
  if (grown > 0) return 'growing';
  return grown < 0 ? 'draining' : 'behind';
}

/** Records by which a partition's lag grew between the looks. */
function growthOf({ committed, end, before }: PartitionFacts): number {
  if (committed === null || end === null || before === null) return 0;
  return Number(end - committed - (before.end - before.committed));
}

function sizeOf(
  partitions: readonly PartitionLag[],
): Pick<ConsumerLag, 'records' | 'lostRecords' | 'behindMs' | 'behindIs'> {
  const counted = partitions.flatMap(({ records }) => (records === null ? [] : [records]));
  const ages = partitions.flatMap(({ behindMs }) => (behindMs === null ? [] : [behindMs]));
  const oldest = ages.length === 0 ? null : Math.max(...ages);
  const complete = ages.length === partitions.length;
  // With partitions left out, "0 s so far" says nothing.
  const known = oldest !== null && (complete || oldest > 0);
  const partial: Certainty = known ? 'atLeast' : 'untold';
  return {
    records: counted.length === 0 ? null : counted.reduce((sum, one) => sum + one, 0),
    lostRecords: partitions.reduce((sum, { lostRecords }) => sum + lostRecords, 0),
    behindMs: known ? oldest : null,
    behindIs: complete ? 'exact' : partial,
  };
}

function paceOf(
  facts: readonly PartitionFacts[],
  partitions: readonly PartitionLag[],
  windowMs: number,
): Pick<ConsumerLag, 'producedPerS' | 'consumedPerS' | 'drainedInMs'> {
  let [produced, consumed, compared] = [0, 0, 0];
  for (const { committed, end, before } of facts) {
    if (committed === null || end === null || before === null) continue;
    produced += Number(end - before.end);
    consumed += Number(committed - before.committed);
    compared += 1;
  }
  if (compared === 0 || windowMs <= 0) return { producedPerS: null, consumedPerS: null, drainedInMs: null };
  const perS = (records: number): number => (records * 1000) / windowMs;
  const times = partitions.flatMap(({ records }, at) => {
    const one = facts[at];
    if (records === null || records === 0 || one === undefined) return [];
    const shrunk = -growthOf(one);
    return [shrunk > 0 ? (records * windowMs) / shrunk : Number.POSITIVE_INFINITY];
  });
  const slowest = Math.max(0, ...times);
  return {
    producedPerS: perS(produced),
    consumedPerS: perS(consumed),
    drainedInMs: times.length > 0 && Number.isFinite(slowest) ? Math.round(slowest) : null,
  };
}

const PARTITION_ORDER: readonly PartitionState[] = [
  'lost',
  'beyond',
  'stalled',
  'noAnswer',
  'unknown',
  'blocked',
  'behind',
  'ok',
  'caughtUp',
];

function worstPartitionFirst(a: PartitionLag, b: PartitionLag): number {
  return (
    PARTITION_ORDER.indexOf(a.state) - PARTITION_ORDER.indexOf(b.state) ||
    (b.behindMs ?? Number.POSITIVE_INFINITY) - (a.behindMs ?? Number.POSITIVE_INFINITY) ||
    (b.records ?? 0) - (a.records ?? 0) ||
    (a.topic < b.topic ? -1 : Number(a.topic > b.topic)) ||
    a.partition - b.partition
  );
}

/** Orders consumers the worst first: by state, then by age, then by records, then by name. */
export function worstLagFirst(a: ConsumerLag, b: ConsumerLag): number {
  return (
    STATES.indexOf(a.state) - STATES.indexOf(b.state) ||
    (b.behindMs ?? -1) - (a.behindMs ?? -1) ||
    (b.records ?? -1) - (a.records ?? -1) ||
    (a.name < b.name ? -1 : Number(a.name > b.name))
  );
}
