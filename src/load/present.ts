import type { Block, Mark } from '../core/blocks.ts';
import { EXIT, type ExitCode } from '../core/exit.ts';
import { formatCount, formatMs } from '../core/units.ts';
import { VERBS } from './stories.ts';
import type { LoadStats, LoadSummary } from './tally.ts';

/** The schedule counts as kept while at most this share of it was not sent in time. */
const SHORTFALL_LIMIT = 0.05;

/** Share of the operations due that were not sent, or more than a second late. */
export function shortfallShare(summary: LoadSummary): number {
  return summary.scheduled === 0 ? 0 : (summary.shortfall + summary.late) / summary.scheduled;
}

/** 12 when nothing was acknowledged, 10 when the schedule was not kept, else 0. */
export function exitOfLoad(summary: LoadSummary): ExitCode {
  if (summary.acknowledged === 0) return EXIT.inconclusive;
  return shortfallShare(summary) > SHORTFALL_LIMIT ? EXIT.fail : EXIT.ok;
}

/** One line a second for stderr. */
export function statsLine(stats: LoadStats): string {
  const parts = [
    `${formatCount(stats.acknowledged)} acknowledged`,
    `${stats.ackPerS} op/s`,
    `p50 ${maybeMs(stats.p50Ms)}`,
    `p99 ${maybeMs(stats.p99Ms)}`,
    `${formatCount(stats.failedAttempts)} failed`,
    `${formatCount(stats.unknownAttempts)} unknown`,
    `${formatCount(stats.inFlight)} in flight`,
  ];
  if (stats.shortfall > 0) parts.push(`${formatCount(stats.shortfall)} not sent`);
  return parts.join(' · ');
}

/** A finished load for people: what counts first, why the rest failed, the verdict last. */
export function presentLoad(summary: LoadSummary, historyFile: string): Block[] {
  const perS = summary.scheduledMs === 0 ? 0 : (summary.sent * 1000) / summary.scheduledMs;
  const partitions = summary.perPartition;
  const least = partitions.length === 0 ? 0 : Math.min(...partitions);
  const most = Math.max(0, ...partitions);
  return [
    { kind: 'heading', text: 'load', sub: `tenant ${summary.header.tenant} · seed ${summary.header.seed}` },
    {
      kind: 'counts',
      items: [
        ['acknowledged', summary.acknowledged],
        ['unknown', summary.unknown],
        ['failed', summary.failed],
        ['not sent', summary.shortfall],
      ],
    },
    {
      kind: 'keyValues',
      rows: [
        [
          'rate',
          `${perS.toFixed(1)} op/s sent for ${formatMs(summary.scheduledMs)}, asked for ${formatCount(summary.header.ratePerS)} op/s`,
        ],
        [
          'from intended time',
          `p50 ${maybeMs(summary.p50Ms)} · p99 ${maybeMs(summary.p99Ms)} · max ${maybeMs(summary.maxMs)}`,
        ],
        [
          'attempts',
          `${formatCount(summary.attempts)} for ${formatCount(summary.scheduled)} operations, ${formatCount(summary.reads)} reads back`,
        ],
        [
          'per partition',
          `${formatCount(least)} to ${formatCount(most)} acknowledged on ${partitions.length} partitions`,
        ],
        ['by verb', verbsLine(summary)],
        ['history', historyFile],
        ['SHA-256', summary.sha256],
      ],
    },
    ...reasonsTable(summary),
    verdictLine(summary),
    ...(summary.acknowledged === 0 ? [{ kind: 'next', command: 'uplift check' } as const] : []),
  ];
}

/** Acknowledged operations by what they asked for; what was not asked for is left out. */
function verbsLine({ perVerb }: LoadSummary): string {
  const asked = VERBS.filter((verb) => perVerb[verb] > 0);
  return asked.length === 0 ? '–' : asked.map((verb) => `${verb} ${formatCount(perVerb[verb])}`).join(' · ');
}

function reasonsTable(summary: LoadSummary): Block[] {
  if (summary.reasons.length === 0) return [];
  const rows = summary.reasons.slice(0, 10).map(({ reason, count }) => [reason, formatCount(count)]);
  return [
    {
      kind: 'table',
      columns: [{ title: 'ATTEMPTS NOT ACKNOWLEDGED' }, { title: 'COUNT', align: 'right' }],
      rows,
    },
  ];
}

function verdictLine(summary: LoadSummary): Block {
  const exit = exitOfLoad(summary);
  const line = (text: string, mark: Mark): Block => ({ kind: 'verdict', text, mark });
  if (exit === EXIT.inconclusive) return line(`Nothing was acknowledged.  exit ${exit}`, 'unknown');
  const kept = ((1 - shortfallShare(summary)) * 100).toFixed(1);
  if (exit === EXIT.fail)
    return line(
      `The schedule was not kept: ${kept} % of it was sent in time (at least 95 % wanted).  exit ${exit}`,
      'bad',
    );
  return line(
    `${formatCount(summary.acknowledged)} operations acknowledged and on disk; ${kept} % of the schedule sent in time.`,
    'ok',
  );
}

function maybeMs(ms: number | null): string {
  if (ms === null) return '–';
  return ms < 10 ? `${ms.toFixed(1)} ms` : formatMs(ms);
}
