import type { Block, Mark } from '../core/blocks.ts';
import { formatCount, formatMs } from '../core/units.ts';
import type { ReplayPlan } from './plan.ts';
import { exitOfReplay, type ReplayResult } from './replay.ts';
import type { ReplayContext } from './replay-partition.ts';

const SHOWN = 8;

/** A plan for people: what would go where, what would not and why, what to know before. */
export function presentPlan(
  plan: ReplayPlan,
  options: { readonly file?: string; readonly planName?: string } = {},
): Block[] {
  const { letters, refused, dlq, target } = plan;
  const partitions = new Set(letters.map(({ origin }) => origin.partition)).size;
  return [
    {
      kind: 'heading',
      text: `${plan.region}: ${formatCount(letters.length)} letters of ${dlq.topic} into ${target.topic}`,
      sub: `cluster ${plan.clusterId} · plan ${plan.fingerprint.slice(0, 12)}`,
    },
    {
      kind: 'counts',
      items: [
        ['to replay', letters.length],
        ['replayed before', plan.replayedBefore],
        ['refused', refused.length],
        ['copies', plan.copies],
        ['left out', plan.leftOut],
      ],
    },
    ...(letters.length === 0 ? [] : [planTable(plan)]),
    ...(refused.length === 0 ? [] : [refusedTable(refused, 'REFUSED BECAUSE')]),
    { kind: 'keyValues', rows: notes(plan, partitions) },
    ...planEnd(plan, options),
  ];
}

function planTable({ letters }: ReplayPlan): Block {
  const groups = Map.groupBy(letters, ({ errorCode, attempt }) => `${errorCode}\u0000${attempt}`);
  const rows = [...groups.values()]
    .toSorted((a, b) => b.length - a.length)
    .slice(0, SHOWN)
    .map((list) => [list[0]?.errorCode ?? '', String(list[0]?.attempt ?? ''), formatCount(list.length)]);
  if (groups.size > SHOWN) rows.push([`… ${groups.size - SHOWN} more`, '', '']);
  return {
    kind: 'table',
    columns: [
      { title: 'FAILED WITH' },
      { title: 'ATTEMPT', align: 'right' },
      { title: 'LETTERS', align: 'right' },
    ],
    rows,
  };
}

function refusedTable(
  refused: readonly { readonly partition: number; readonly offset: bigint; readonly reason: string }[],
  title: string,
): Block {
  const byReason = [...Map.groupBy(refused, ({ reason }) => reason)].toSorted(
    (a, b) => b[1].length - a[1].length,
  );
  const rows = byReason.slice(0, SHOWN).map(([reason, list]) => {
    const first = list.slice(0, 3).map(({ partition, offset }) => `${partition}/${offset}`);
    return [reason, formatCount(list.length), `${first.join(', ')}${list.length > 3 ? ', …' : ''}`];
  });
  if (byReason.length > SHOWN) rows.push([`… ${byReason.length - SHOWN} more`, '', '']);
  return {
    kind: 'table',
    columns: [{ title }, { title: 'LETTERS', align: 'right' }, { title: 'AT' }],
    rows,
  };
}

function notes(plan: ReplayPlan, partitions: number): [string, string][] {
  const unsure = plan.letters.filter(({ replayedBefore }) => replayedBefore === 'cannot tell').length;
  const rows: [string, string][] = [
    [
      'partitions',
      `each into the one it came from: ${partitions} of ${plan.target.bounds.length}, in the order the events first had`,
    ],
    [
      'newer events',
      plan.keysWithNewerEvents === 0
        ? 'none seen for these keys'
        : `at least ${formatCount(plan.keysWithNewerEvents)} of these keys: a consumer without versions may go back in time`,
    ],
  ];
  if (plan.expiringSoon > 0)
    rows.push([
      'expiring',
      `${formatCount(plan.expiringSoon)} letters are taken by retention within the hour`,
    ]);
  if (unsure > 0)
    rows.push([
      'cannot tell',
      `${formatCount(unsure)} letters may have been replayed before; they are in, as you asked`,
    ]);
  if (plan.unreadRecords > 0n)
    rows.push(['not read', `${formatCount(plan.unreadRecords)} further records of ${plan.dlq.topic}`]);
  return rows;
}

function planEnd(
  plan: ReplayPlan,
  { file, planName = 'replay.plan.json' }: { readonly file?: string; readonly planName?: string },
): Block[] {
  if (plan.letters.length === 0) {
    const mark: Mark = plan.refused.length > 0 ? 'warn' : 'ok';
    return [{ kind: 'verdict', text: 'Nothing to replay.', mark }];
  }
  const cut = plan.leftOut > 0 ? `, ${formatCount(plan.leftOut)} left out (--limit)` : '';
  const command =
    file === undefined ? `uplift dlq plan ${plan.dlq.topic} --out ${planName}` : `uplift dlq replay ${file}`;
  return [
    {
      kind: 'verdict',
      text: `Plan: ${formatCount(plan.letters.length)} to replay, ${formatCount(plan.refused.length)} refused${cut}. Nothing was sent.`,
      mark: plan.refused.length + plan.leftOut > 0 ? 'warn' : 'ok',
    },
    { kind: 'next', command },
  ];
}

/** What has been sent so far, and what need not be. */
export function sentText({ plan, tally }: Pick<ReplayContext, 'plan' | 'tally'>): string {
  const before = tally.already.size === 0 ? '' : ` · ${formatCount(tally.already.size)} replayed before`;
  return `${formatCount(tally.sent)} of ${formatCount(plan.letters.length)} letters sent${before}`;
}

/** What a replay did: counts alone, what did not end well, the verdict last. */
export function presentReplay(
  result: ReplayResult,
  record: { readonly lines: number; readonly head: string },
  timeoutMs: number,
): Block[] {
  return [
    {
      kind: 'heading',
      text: `${result.dlq} → ${result.target} · region ${result.region}`,
      sub: `replay ${result.replayId} · plan ${result.plan.slice(0, 12)}`,
    },
    { kind: 'counts', items: countItems(result) },
    ...(result.others.length === 0 ? [] : [othersTable(result)]),
    ...(result.refused.length === 0 ? [] : [refusedTable(result.refused, 'NOT SENT BECAUSE')]),
    ...(result.open === null ? [] : [{ kind: 'text', text: `Not seen: ${result.open}.` } as const]),
    { kind: 'verdict', text: verdictText(result, record, timeoutMs), mark: markOf(result) },
    { kind: 'next', command: nextOf(result) },
  ];
}

function countItems(result: ReplayResult): [string, number][] {
  const { counts } = result;
  return [
    ['replayed', result.replayed],
    ...(result.already > 0 ? [['replayed before', result.already] as [string, number]] : []),
    ['applied', counts.applied],
    ['superseded', counts.superseded],
    ['back', counts.back],
    ['not seen', counts.notSeen],
    ...(counts.twice > 0 ? [['applied twice', counts.twice] as [string, number]] : []),
    ...(result.refused.length > 0 ? [['not sent', result.refused.length] as [string, number]] : []),
    ...(result.repeated > 0 ? [['twice in the log', result.repeated] as [string, number]] : []),
  ];
}

const END_WORDS = {
  applied: 'applied',
  superseded: 'superseded',
  back: 'back',
  twice: 'applied twice',
  notSeen: 'not seen',
} as const;

function othersTable({ others }: ReplayResult): Block {
  const rows = others
    .slice(0, SHOWN)
    .map(({ partition, offset, end, detail }) => [END_WORDS[end], `${partition}/${offset}`, detail]);
  if (others.length > SHOWN) rows.push([`… ${others.length - SHOWN} more`, '', '']);
  return { kind: 'table', columns: [{ title: 'ENDED AS' }, { title: 'LETTER' }, { title: 'WHY' }], rows };
}

function verdictText(
  result: ReplayResult,
  record: { readonly lines: number; readonly head: string },
  timeoutMs: number,
): string {
  const exit = exitOfReplay(result);
  const sealed = `Record ${result.replayId} (sealed, ${record.lines} lines, head ${record.head.slice(0, 6)}…)`;
  const done = result.replayed + result.already;
  if (exit === 0)
    return `REPLAYED, proved: ${formatCount(done)} of ${formatCount(result.planned)} stand in ${result.target}, each ${result.counts.superseded > 0 ? 'applied or superseded' : 'applied'} once.  ${sealed}`;
  if (exit === 12)
    return `REPLAYED, not proved: ${formatCount(result.counts.notSeen)} not seen within ${formatMs(timeoutMs)}.  ${sealed}  exit 12`;
  return `NOT ALL REPLAYED: ${formatCount(result.counts.back)} back, ${formatCount(result.refused.length)} not sent, ${formatCount(result.counts.twice)} applied twice.  ${sealed}  exit 10`;
}

function markOf(result: ReplayResult): Mark {
  const exit = exitOfReplay(result);
  if (exit === 0) return result.counts.superseded > 0 ? 'warn' : 'ok';
  return exit === 12 ? 'unknown' : 'bad';
}

function nextOf(result: ReplayResult): string {
  if (result.counts.back > 0) return `uplift dlq show ${result.dlq}`;
  return result.counts.notSeen > 0 ? 'uplift check' : 'uplift dlq ls';
}

/** A replay that was stopped, or a dry run: what went out so far. */
export function presentUnproved(
  plan: ReplayPlan,
  counts: { readonly sent: number; readonly already: number; readonly refused: ReplayResult['refused'] },
  end: { readonly text: string; readonly mark: Mark; readonly sentAs: string; readonly next?: string },
): Block[] {
  return [
    {
      kind: 'heading',
      text: `${plan.dlq.topic} → ${plan.target.topic} · region ${plan.region}`,
      sub: `plan ${plan.fingerprint.slice(0, 12)}`,
    },
    {
      kind: 'counts',
      items: [
        [end.sentAs, counts.sent],
        ['replayed before', counts.already],
        ['not sent', counts.refused.length],
        ['left', plan.letters.length - counts.sent - counts.already - counts.refused.length],
      ],
    },
    ...(counts.refused.length === 0 ? [] : [refusedTable(counts.refused, 'NOT SENT BECAUSE')]),
    { kind: 'verdict', text: end.text, mark: end.mark },
    ...(end.next === undefined ? [] : [{ kind: 'next', command: end.next } as const]),
  ];
}
