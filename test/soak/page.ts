import { formatCount } from '../../src/core/units.ts';
import type { JudgedLife, JudgedLives, Limits } from './judge.ts';
import type { Kill } from './kill.ts';
import type { Skipped } from './killing.ts';
import type { SoakOptions } from './options.ts';
import type { Observed } from './run.ts';
import { median } from './slope.ts';
import type { Verdict } from './verdict.ts';

export interface PageInput {
  readonly startedAt: string;
  readonly machine: Readonly<Record<string, string>>;
  readonly options: SoakOptions;
  readonly limits: Limits;
  readonly observed: Observed;
  readonly lives: JudgedLives;
  readonly verdict: Verdict;
  /** What a reader must know to judge the figures; kept apart from them. */
  readonly notes: readonly string[];
}

const MB = 1_000_000;
const minutes = (ms: number): string => (ms / 60_000).toFixed(1);
const seconds = (ms: number): string => (ms / 1000).toFixed(1);
const megabytes = (bytes: number): string => (bytes / MB).toFixed(1);

/** The result of one soak as a page; every figure in it was measured by the run it tells of. */
export function pageOf(input: PageInput): string {
  return [
    `# Soak: ${minutes(input.options.durationMs)} minutes of load and kills`,
    '',
    `Written by \`${commandOf(input.options)}\` at ${input.startedAt}.`,
    '',
    ...headline(input),
    '',
    ...table(['run', ''], [...settings(input), ...Object.entries(input.machine)]),
    '',
    ...operations(input),
    ...memory(input),
    ...killTable(input),
    ...notes(input),
    '',
  ].join('\n');
}

const commandOf = ({ durationMs, ratePerS, seed, killEveryMs }: SoakOptions): string =>
  `npm run test:soak -- --minutes ${durationMs / 60_000} --rate ${ratePerS} --seed ${seed} --kill-every ${killEveryMs / 1000}s`;

function headline({ verdict, observed }: PageInput): string[] {
  const word = verdict.exit === 0 ? 'HELD' : verdict.broken.length > 0 ? 'NOT HELD' : 'INCONCLUSIVE';
  const judgement = observed.examined?.judgement;
  const counts =
    judgement === undefined
      ? 'the history was not judged'
      : `${formatCount(judgement.acknowledged)} acknowledged · ${judgement.lost.length} lost · ${observed.kills.length} kills`;
  const list = [
    ...verdict.broken.map((why) => `- broken: ${why}`),
    ...verdict.open.map((why) => `- open: ${why}`),
  ];
  return [`**${word}** (exit ${verdict.exit}): ${counts}.`, ...(list.length === 0 ? [] : ['', ...list])];
}

function settings({ options, observed }: PageInput): (readonly [string, string])[] {
  const load = observed.machineLoad;
  return [
    ['length', `${minutes(options.durationMs)} minutes`],
    ['rate', `${options.ratePerS} operations a second, open loop, over both gateways and all partitions`],
    ['seed', String(options.seed)],
    ['never killed', observed.plan.spared.join(', ') || 'none'],
    [
      'load average of the machine',
      load.length === 0
        ? 'not seen'
        : `middle ${(median(load) ?? 0).toFixed(1)}, highest ${Math.max(...load).toFixed(1)}`,
    ],
  ];
}

function operations({ observed }: PageInput): string[] {
  const { examined, load } = observed;
  if (examined === undefined) return ['## Operations', '', 'Not judged.', ''];
  const { judgement, proof, counts } = examined;
  const named = proof.probes.filter(({ named: was }) => was).length;
  const rows: (readonly [string, string])[] = [
    ['asked for', formatCount(judgement.invoked)],
    ['acknowledged (202, on disk)', formatCount(judgement.acknowledged)],
    ['**lost**', `**${formatCount(judgement.lost.length)}**`],
    ['duplicated effects', formatCount(judgement.duplicates.length)],
    ['effects nobody asked for', formatCount(judgement.phantoms.length)],
    ['oversold resources', formatCount(judgement.oversold.length)],
    ['out of order', formatCount(judgement.outOfOrder.length)],
    ['sources that contradict each other', formatCount(judgement.disagreements.length)],
    ['rows that differ from the log', formatCount(judgement.projected.length)],
    [
      'unknown (no 202, perhaps done)',
      `${formatCount(judgement.unknown)}, of which ${formatCount(judgement.unknownFound)} were found done`,
    ],
    ['certainly refused', formatCount(judgement.refused)],
    ['records that repeat one', formatCount(judgement.repeated.length)],
    [
      'latency from the intended time',
      load.summary === undefined
        ? 'not seen'
        : `p50 ${load.summary.p50Ms?.toFixed(0) ?? '–'} ms, p99 ${load.summary.p99Ms?.toFixed(0) ?? '–'} ms, highest ${load.summary.maxMs?.toFixed(0) ?? '–'} ms`,
    ],
    [
      'final reads',
      `${counts.partitions} partitions to their end (${formatCount(counts.commands)} commands, ${formatCount(counts.events)} events), ${counts.servers} Postgres servers, ${formatCount(counts.api)} operations by API`,
    ],
    [
      'the checker, proved on these reads',
      `named ${named} of ${proof.probes.length} planted losses, at each hop one of a create and one of a follow-up`,
    ],
  ];
  return ['## Operations', '', ...table(['', 'count'], rows), ''];
}

function memory({ lives, limits, observed }: PageInput): string[] {
  const rows = lives.judged.map(lifeRow);
  const short = [...lives.tooShort].map(([kind, count]) => `${count} of ${kind}`).join(', ') || 'none';
  return [
    '## Memory and handles',
    '',
    `Looked at every 5 s (${formatCount(observed.samples.length)} looks). Judged: each process that lived at least ${minutes(limits.leastJudgedMs)} minutes ` +
      `after the first ${minutes(limits.warmUpMs)} minutes of its life; resident memory must grow by less than ${(limits.slopeBytesPerMin / MB).toFixed(1)} MB a minute, ` +
      `open handles must be within ± ${limits.handles}. Processes that ended sooner: ${short}. ${apart(observed)}`,
    '',
    ...table(
      [
        'process',
        'judged min',
        '**slope MB/min**',
        'least squares',
        'resident MB, start → end',
        'handles, start → end',
        '',
      ],
      rows,
      [1, 2, 3, 4, 5],
    ),
    '',
  ];
}

/** The kinds of handle that are not judged, and why. */
function apart({ samples }: Observed): string {
  const seen = (of: string): string => {
    const counts = samples.filter(({ kind }) => kind === of).map(({ connections }) => connections);
    return `usually ${median(counts) ?? 0}, at most ${Math.max(0, ...counts)}`;
  };
  const cached = samples.reduce((highest, sample) => Math.max(highest, sample.cached), 0);
  return (
    `Not among the handles: established connections between the load and the gateways (${seen('load')}), whose number follows the traffic; ` +
    `a broker's established connections (${seen('kafka')}), whose number follows which clients and brokers live: the other ends are among the handles of the service; ` +
    `files of tables and indexes that a Postgres process keeps open, a cache that it empties itself, and of a broker's partitions the segments beside one, which rolling and compaction make and remove (at most ${cached} in one process).`
  );
}

function lifeRow(judged: JudgedLife): string[] {
  const { life } = judged;
  return [
    life.name === life.unit ? life.unit : `${life.unit}: ${life.name}`,
    minutes(judged.judgedMs),
    (judged.slopeBytesPerMin / MB).toFixed(2),
    (judged.leastSquaresBytesPerMin / MB).toFixed(2),
    `${megabytes(judged.residentAtStart)} → ${megabytes(judged.residentAtEnd)}`,
    `${judged.handlesAtStart} → ${judged.handlesAtEnd}`,
    judged.misses.length === 0 ? 'held' : '**missed**',
  ];
}

function killTable({ observed }: PageInput): string[] {
  const made = observed.kills.map((kill: Kill) => ({
    atMs: kill.killedAtMs,
    row: [
      minutes(kill.killedAtMs),
      kill.victim,
      seconds(kill.seenAfterMs),
      seconds(kill.startedAfterMs),
      seconds(kill.backAfterMs),
    ],
  }));
  const left = observed.skipped.map((skip: Skipped) => ({
    atMs: skip.atMs,
    row: [minutes(skip.atMs), `${skip.victim}: skipped, ${skip.why}`, '', '', ''],
  }));
  const rows = [...made, ...left].toSorted((a, b) => a.atMs - b.atMs).map(({ row }) => row);
  return [
    '## Kills',
    '',
    'SIGKILL by `uplift sandbox kill`. Seen: nobody answers any more; of a broker: it is fenced and leads nothing. Started: ' +
      '`uplift sandbox start` came back. All back: each process of the service ready, each ISR full, leaders as before.',
    '',
    ...table(['minute', 'victim', 'seen, s', 'started, s', 'all back, s'], rows, [0, 2, 3, 4]),
    '',
  ];
}

function notes({ notes: texts }: PageInput): string[] {
  return texts.length === 0 ? [] : ['## Notes', '', ...texts.map((text) => `- ${text}`)];
}

function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(head),
    line(head.map((_, index) => (right.includes(index) ? '---:' : '---'))),
    ...rows.map(line),
  ];
}
