import type { Block, Column, Mark } from '../core/blocks.ts';
import { type Finding, type Verdict, verdictOf, worstFirst } from '../core/finding.ts';
import { formatAge, formatCount } from '../core/units.ts';
import { worstLagFirst } from './judge.ts';
import { type ConsumerLag, type LagState, STATES } from './types.ts';
import { behindText, type RegionLag, rateText, WORDS } from './verdict.ts';

const REGIONS_ABREAST = 2;
const MAX_ROWS = 60;
const MAX_FINDINGS = 12;

const MARKS: Readonly<Record<Verdict, Mark>> = {
  pass: 'ok',
  warn: 'warn',
  fail: 'bad',
  inconclusive: 'unknown',
};
const ARROWS: Partial<Record<LagState, string>> = { growing: ' ▲', draining: ' ▼' };

/** A table of all consumers, regions side by side, the worst first; then what deserves a second look; then the counts. */
export function presentLag(
  regions: readonly RegionLag[],
  findings: readonly Finding[],
  nowMs: number,
): Block[] {
  const names = rowNames(regions);
  const blocks: Block[] = [];
  for (let at = 0; names.length > 0 && at < regions.length; at += REGIONS_ABREAST)
    blocks.push(
      tableOf(regions.slice(at, at + REGIONS_ABREAST), names.slice(0, MAX_ROWS), regions.length, nowMs),
    );
  const more = names.length - MAX_ROWS;
  if (more > 0)
    blocks.push({
      kind: 'text',
      text: `… ${formatCount(more)} more, none worse: --output json has all of them.`,
    });
  const notable = worstFirst(
    findings.filter(({ status }) => status !== 'pass' && status !== 'notApplicable'),
  );
  if (notable.length > 0) blocks.push({ kind: 'findings', findings: notable.slice(0, MAX_FINDINGS) });
  if (notable.length > MAX_FINDINGS)
    blocks.push({ kind: 'text', text: `… ${formatCount(notable.length - MAX_FINDINGS)} more like these.` });
  return [...blocks, { kind: 'verdict', text: countsOf(regions), mark: MARKS[verdictOf(findings)] }];
}

/** Each name once, in the order of the worst it is in any region. */
function rowNames(regions: readonly RegionLag[]): string[] {
  const all = regions.flatMap(({ consumers }) => consumers).toSorted(worstLagFirst);
  return [...new Set(all.map(({ name }) => name))];
}

function tableOf(
  regions: readonly RegionLag[],
  names: readonly string[],
  total: number,
  nowMs: number,
): Block {
  const alone = total === 1;
  const columns: Column[] = [{ title: 'GROUP / PROJECTION' }];
  for (const { region, facts } of regions) {
    const group = `${region} (${formatAge(Math.max(0, nowMs - facts.observedAtMs))} ago)`;
    columns.push(
      { title: 'BEHIND', align: 'right', group },
      { title: 'RECORDS', align: 'right', group },
      ...(alone
        ? ([
            { title: 'IN', align: 'right', group },
            { title: 'OUT', align: 'right', group },
          ] as const)
        : []),
      { title: 'STATE', group },
    );
  }
  const rows = names.map((name) => [name, ...regions.flatMap((region) => cellsOf(region, name, alone))]);
  return { kind: 'table', columns, rows };
}

function cellsOf({ consumers, facts }: RegionLag, name: string, alone: boolean): string[] {
  const dashes = alone ? ['–', '–', '–', '–'] : ['–', '–'];
  if (!facts.cluster.seen) return [...dashes, `no answer (${formatAge(facts.tookMs)})`];
  const consumer = consumers.find((one) => one.name === name);
  if (consumer === undefined) return alone ? ['', '', '', '', ''] : ['', '', ''];
  const { state, records, producedPerS, consumedPerS } = consumer;
  const rate = (perS: number | null): string => (perS === null ? '–' : rateText(perS));
  if (state === 'noCommits' || (records === null && state !== 'beyond')) return [...dashes, WORDS[state]];
  return [
    `${behindText(consumer)}${ARROWS[state] ?? ''}`,
    records === null ? '?' : formatCount(records),
    ...(alone ? [rate(producedPerS), rate(consumedPerS)] : []),
    WORDS[state],
  ];
}

/** `2 ok · 1 growing`, the worst state first. */
function countsOf(regions: readonly RegionLag[]): string {
  const consumers = regions.flatMap((one) => one.consumers);
  if (consumers.length === 0) return 'No group and no projection was seen: nothing can be said.';
  const counts = STATES.map(
    (state) => [state, consumers.filter((one) => one.state === state).length] as const,
  );
  const words = counts.flatMap(([state, count]) =>
    count === 0 ? [] : [`${formatCount(count)} ${WORDS[state]}`],
  );
  const away = regions.filter(({ facts }) => !facts.cluster.seen).length;
  if (away > 0) words.push(`${away} of ${regions.length} regions no answer`);
  return `${words.join(' · ')}.`;
}

const MAX_PARTITIONS = 100;

/** The document for machines: regions, one row per consumer and region, findings. */
export function lagDocument(
  regions: readonly RegionLag[],
  findings: readonly Finding[],
  maxMs: number | undefined,
): Record<string, unknown> {
  return {
    verdict: verdictOf(findings),
    maxMs: maxMs ?? null,
    regions: regions.map(({ region, facts }) => ({
      region,
      seen: facts.cluster.seen,
      reason: facts.cluster.seen ? null : facts.cluster.reason,
      clusterId: facts.cluster.seen ? facts.cluster.value.clusterId : null,
      gaps: facts.cluster.seen ? facts.cluster.value.gaps : [],
      observedAtMs: facts.observedAtMs,
      tookMs: Math.round(facts.tookMs),
      requests: facts.requests,
    })),
    rows: regions.flatMap(({ region, consumers }) => consumers.map((one) => rowOf(region, one))),
    findings,
  };
}

function rowOf(region: string, { partitions, ...consumer }: ConsumerLag): Record<string, unknown> {
  const open = partitions.filter(({ state }) => state !== 'caughtUp');
  return {
    region,
    ...consumer,
    windowMs: Math.round(consumer.windowMs),
    partitionCount: partitions.length,
    /** Not caught up, the worst first. */
    partitions: open.slice(0, MAX_PARTITIONS),
    partitionsLeftOut: Math.max(0, open.length - MAX_PARTITIONS),
  };
}
