import type { Evidence, Finding, FindingStatus, PromiseOrigin } from '../core/finding.ts';
import { formatAge, formatCount, formatMs } from '../core/units.ts';
import type { ConsumerLag, LagFacts, LagState, PartitionLag } from './types.ts';

/** What was seen and judged of one region. */
export interface RegionLag {
  readonly region: string;
  readonly facts: LagFacts;
  /** Worst first. */
  readonly consumers: readonly ConsumerLag[];
  /** What uplift.yaml promises of the projection. */
  readonly freshness: PromiseOrigin;
}

export interface VerdictOptions {
  /** `--max`; undefined: a look that holds nobody to a limit. */
  readonly maxMs: number | undefined;
  /** `--group`: what was asked for by name must be there. */
  readonly named: readonly string[];
}

export const WORDS: Readonly<Record<LagState, string>> = {
  lost: 'lost',
  beyond: 'beyond end',
  stalled: 'stalled',
  growing: 'growing',
  noAnswer: 'no answer',
  unknown: 'unknown',
  blocked: 'blocked',
  behind: 'behind',
  draining: 'draining',
  ok: 'ok',
  idle: 'idle',
  noCommits: 'no commits',
};

const EVIDENCE_PARTITIONS = 3;

/** One finding per consumer, and one for every reason why the picture is not complete. */
export function findingsOf(region: RegionLag, options: VerdictOptions): Finding[] {
  return [
    ...wholeRegion(region, options),
    ...region.consumers.map((consumer) => findingOf(region, consumer, options)),
  ];
}

function wholeRegion({ region, facts }: RegionLag, { named }: VerdictOptions): Finding[] {
  const { cluster } = facts;
  const base = { region, title: 'every group of the cluster could be listed', evidence: [] };
  if (!cluster.seen) {
    const summary = `${region}: could not tell: ${cluster.reason}`;
    return [{ ...base, id: 'lag.cluster', status: 'inconclusive', summary, next: 'uplift check' }];
  }
  // What was asked for by name says for itself whether it was found.
  if (cluster.value.gaps.length === 0 || named.length > 0) return [];
  const summary = `${region}: groups may be missing from the list: ${cluster.value.gaps.join('; ')}`;
  return [{ ...base, id: 'lag.cluster', status: 'inconclusive', summary, next: 'uplift check' }];
}

function findingOf(region: RegionLag, consumer: ConsumerLag, options: VerdictOptions): Finding {
  const promise = promiseOf(region, consumer, options);
  return {
    id: `lag.${consumer.kind}`,
    title: `${consumer.name} keeps up`,
    status: statusOf(consumer, options),
    summary: `${consumer.name}: ${summaryOf(consumer)}`,
    region: region.region,
    evidence: consumer.partitions
      .filter(({ state }) => state !== 'caughtUp')
      .slice(0, EVIDENCE_PARTITIONS)
      .map(evidenceOf),
    ...(promise === undefined ? {} : { promise }),
  };
}

function promiseOf(
  { freshness }: RegionLag,
  { kind }: ConsumerLag,
  { maxMs }: VerdictOptions,
): PromiseOrigin | undefined {
  if (maxMs !== undefined) return { source: 'flag', text: `--max ${formatMs(maxMs)}` };
  return kind === 'projection' ? freshness : undefined;
}

const WITHOUT_DATA: readonly LagState[] = ['noAnswer', 'unknown'];
const BROKEN: readonly LagState[] = ['lost', 'beyond'];
const ALARMING: readonly LagState[] = [...BROKEN, 'stalled', 'growing'];

/** What could not be told is inconclusive; with a limit, what is over it or broken fails; without one, it warns. */
export function statusOf(consumer: ConsumerLag, { maxMs, named }: VerdictOptions): FindingStatus {
  const { state, behindMs, behindIs, name } = consumer;
  if (state === 'noCommits') return named.includes(name) ? 'inconclusive' : 'notApplicable';
  if (maxMs === undefined) {
    if (WITHOUT_DATA.includes(state)) return 'inconclusive';
    if (ALARMING.includes(state)) return 'warn';
    return behindIs === 'exact' ? 'pass' : 'inconclusive';
  }
  if (BROKEN.includes(state)) return 'fail';
  if (behindMs !== null && behindMs > maxMs) return 'fail';
  if (behindIs !== 'exact' || WITHOUT_DATA.includes(state)) return 'inconclusive';
  return 'pass';
}

function summaryOf(consumer: ConsumerLag): string {
  const { state, records, lostRecords, reason, drainedInMs, groupState } = consumer;
  const parts = [
    WORDS[state],
    ...(records === null ? [] : [`${behindText(consumer)} behind, ${recordsText(records)}`]),
    ...(lostRecords > 0 ? [`${recordsText(lostRecords)} were deleted before they were consumed`] : []),
    ...paceText(consumer),
    ...(state === 'draining' && drainedInMs !== null ? [`through in about ${formatAge(drainedInMs)}`] : []),
    ...(groupState === 'Empty' && state === 'stalled' ? ['the group has no members'] : []),
    ...placesText(consumer),
    ...(reason === null ? [] : [reason]),
  ];
  return parts.join(', ');
}

const recordsText = (records: number): string =>
  `${formatCount(records)} ${records === 1 ? 'record' : 'records'}`;

function paceText({ producedPerS, consumedPerS, state }: ConsumerLag): string[] {
  if (producedPerS === null || consumedPerS === null || state === 'idle') return [];
  return [`in ${rateText(producedPerS)}, out ${rateText(consumedPerS)}`];
}

/** On how many of its partitions it is as bad as that. */
function placesText({ partitions, state }: ConsumerLag): string[] {
  const same = partitions.filter((one) => one.state === state).length;
  return same === 0 || partitions.length === 1 ? [] : [`${same} of ${partitions.length} partitions`];
}

export function rateText(perS: number): string {
  return `${formatCount(Math.abs(perS) < 10 ? Math.round(perS * 10) / 10 : Math.round(perS))}/s`;
}

/** `42 s`, `≥ 42 s` where partitions could not be told, `?` where nothing could. */
export function behindText({ behindMs, behindIs }: ConsumerLag): string {
  if (behindMs === null) return '?';
  return behindIs === 'exact' ? formatAge(behindMs) : `≥ ${formatAge(behindMs)}`;
}

function evidenceOf(one: PartitionLag): Evidence {
  const { topic, partition, committed, start, end, behindMs, state } = one;
  const log = end === null ? 'its log was not told' : `log ${start ?? '?'} to ${end}`;
  const age = behindMs === null ? '' : `, oldest unread record ${formatAge(behindMs)} old`;
  return {
    query: `${topic}/${partition} (${state})`,
    value: `position ${committed ?? 'none'}, ${log}${age}`,
  };
}
