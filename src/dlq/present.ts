import type { Block, Mark } from '../core/blocks.ts';
import { formatCount, formatSpan } from '../core/units.ts';
import { showBytes, shownText } from './content.ts';
import type { DlqFacts } from './facts.ts';
import type { ShownLetter } from './show.ts';
import { type JudgedLetter, NO_METADATA, type Standing } from './standing.ts';
import type { DlqSummary } from './summary.ts';

const WORDS: Readonly<Record<Standing, string>> = {
  waiting: 'not replayed',
  replayed: 'replayed',
  cannotTell: 'cannot tell',
  refused: 'cannot be replayed',
  copy: 'copy',
};

/** The dead letter topics of all regions that were looked at. */
export function presentList(summaries: readonly DlqSummary[], planName = 'replay.plan.json'): Block[] {
  const total = (pick: (one: DlqSummary) => number): number =>
    summaries.reduce((sum, one) => sum + pick(one), 0);
  if (summaries.length === 0)
    return [
      {
        kind: 'verdict',
        text: 'No dead letter topics: uplift.yaml declares none, and no topic is named after a declared one.',
        mark: 'ok',
      },
    ];
  const absent = summaries.filter(({ exists }) => !exists);
  if (absent.length === summaries.length)
    return [
      listTable(summaries),
      { kind: 'verdict', text: 'Could not tell: none of these topics exists yet.', mark: 'unknown' },
      { kind: 'next', command: 'uplift topics plan' },
    ];
  const letters = total((one) => one.letters);
  const left = letters - total((one) => one.replayed);
  const worstFirst = summaries.toSorted((a, b) => b.letters - b.replayed - (a.letters - a.replayed));
  const [most] = worstFirst;
  const cut = summaries.filter(({ unread }) => unread !== null);
  return [
    listTable(worstFirst),
    ...errorsTable(summaries),
    {
      kind: 'counts',
      items: [
        ['letters', letters],
        ['replayed', total((one) => one.replayed)],
        ['not replayed', total((one) => one.waiting)],
        ['cannot tell', total((one) => one.cannotTell)],
        ['cannot be replayed', total((one) => one.refused)],
        ['copies', total((one) => one.copies)],
      ],
    },
    ...cut.map(
      ({ dlq, unread }): Block => ({
        kind: 'text',
        text: `${dlq}: ${unread?.records} records were not read (limit of ${unread?.cutBy}); its counts are of what was read.`,
      }),
    ),
    { kind: 'verdict', text: listVerdict(letters, left), mark: left > 0 || cut.length > 0 ? 'warn' : 'ok' },
    ...(left === 0 || most === undefined
      ? []
      : [
          { kind: 'next', command: `uplift dlq show ${most.dlq}` } as const,
          { kind: 'next', command: `uplift dlq plan ${most.dlq} --out ${planName}` } as const,
        ]),
  ];
}

function listVerdict(letters: number, left: number): string {
  if (letters === 0) return 'No dead letters.';
  if (left === 0) return `All ${formatCount(letters)} dead letters have been replayed.`;
  return `${formatCount(left)} of ${formatCount(letters)} dead letters have not been replayed.`;
}

function listTable(summaries: readonly DlqSummary[]): Block {
  return {
    kind: 'table',
    columns: [
      { title: 'REGION' },
      { title: 'TOPIC' },
      { title: 'LETTERS', align: 'right' },
      { title: 'REPLAYED', align: 'right' },
      { title: 'LEFT', align: 'right' },
      { title: 'OLDEST', align: 'right' },
      { title: 'EXPIRES IN', align: 'right' },
    ],
    rows: summaries.map((one) => [
      one.region,
      one.dlq,
      one.exists ? formatCount(one.letters) : 'no topic',
      one.exists ? formatCount(one.replayed) : '',
      one.exists ? formatCount(one.letters - one.replayed) : '',
      one.oldestAgeMs === null ? '–' : formatSpan(one.oldestAgeMs),
      expiry(one),
    ]),
  };
}

function expiry({ expiresInMs }: DlqSummary): string {
  if (expiresInMs === null) return '–';
  return expiresInMs <= 0 ? 'due' : formatSpan(expiresInMs);
}

const SHOWN_ERRORS = 8;

/** Error codes with their letters, most frequent first, whichever topic they stand in. */
function errorsTable(summaries: readonly DlqSummary[]): Block[] {
  const all = summaries
    .flatMap(({ region, dlq, errors }) => errors.map((error) => ({ region, dlq, ...error })))
    .toSorted((a, b) => b.count - a.count);
  if (all.length === 0) return [];
  const rows = all
    .slice(0, SHOWN_ERRORS)
    .map(({ region, dlq, code, count }) => [code ?? NO_METADATA, formatCount(count), region, dlq]);
  if (all.length > SHOWN_ERRORS) rows.push([`… ${all.length - SHOWN_ERRORS} more`, '', '', '']);
  return [
    {
      kind: 'table',
      columns: [
        { title: 'ERROR' },
        { title: 'LETTERS', align: 'right' },
        { title: 'REGION' },
        { title: 'TOPIC' },
      ],
      rows,
    },
  ];
}

/** The letters of one topic, oldest first. */
export function presentLetters(facts: DlqFacts, letters: readonly JudgedLetter[], total: number): Block[] {
  const heading: Block = {
    kind: 'heading',
    text: `${facts.source.dlq} · region ${facts.region}`,
    sub: `letters of ${facts.source.target} · cluster ${facts.clusterId}`,
  };
  if (total === 0) return [heading, { kind: 'verdict', text: 'No dead letters.', mark: 'ok' }];
  const rows = letters.map(({ seen, standing, reason }) => [
    `${seen.partition}/${seen.offset}`,
    formatSpan(Math.max(0, facts.observedAtMs - seen.timestampMs)),
    seen.letter === null
      ? '–'
      : `${seen.letter.origin.topic}/${seen.letter.origin.partition} @ ${seen.letter.origin.offset}`,
    seen.letter === null ? '–' : String(seen.letter.attempt),
    seen.letter?.errorCode ?? NO_METADATA,
    standing === 'replayed' ? (reason ?? WORDS.replayed) : WORDS[standing],
  ]);
  const [first] = letters;
  return [
    heading,
    {
      kind: 'table',
      columns: [
        { title: 'AT' },
        { title: 'AGE', align: 'right' },
        { title: 'ORIGIN' },
        { title: 'ATTEMPT', align: 'right' },
        { title: 'ERROR' },
        { title: 'STATE' },
      ],
      rows,
    },
    ...(facts.unread === null
      ? []
      : [
          {
            kind: 'text',
            text: `${facts.unread.records} records were not read (limit of ${facts.unread.cutBy}).`,
          } as const,
        ]),
    {
      kind: 'verdict',
      text:
        letters.length < total
          ? `${formatCount(letters.length)} of ${formatCount(total)} records shown, oldest first; --limit shows more.`
          : `${formatCount(total)} records.`,
      mark: 'ok',
    },
    ...(first === undefined
      ? []
      : [
          {
            kind: 'next',
            command: `uplift dlq show ${facts.source.dlq} ${first.seen.partition}/${first.seen.offset}`,
          } as const,
        ]),
  ];
}

/** One letter whole. */
export function presentLetter(shown: ShownLetter, planName = 'replay.plan.json'): Block[] {
  const { judged, record, facts } = shown;
  const { letter } = judged.seen;
  const rows: [string, string][] = [
    [
      'state',
      judged.reason === null ? WORDS[judged.standing] : `${WORDS[judged.standing]}: ${judged.reason}`,
    ],
    ...(letter === null
      ? []
      : ([
          [
            'origin',
            `${letter.origin.topic}/${letter.origin.partition} @ ${letter.origin.offset} · ${new Date(letter.origin.timestampMs).toISOString()}`,
          ],
          ['error', `${letter.errorCode} · ${letter.errorMessage}`],
          ['attempt', String(letter.attempt)],
          ['failed', `${letter.failedBy} · ${new Date(letter.failedAtMs).toISOString()}`],
        ] as [string, string][])),
    ['trace', shown.traceparent ?? 'none'],
    ['written', new Date(record.timestampMs).toISOString()],
    ['newer events', judged.newerEvents ? 'its key has some' : 'none seen'],
    ['content', judged.seen.sha256],
    ['key', shownText(showBytes(record.key))],
    ['value', shownText(showBytes(record.value))],
  ];
  const headers = shown.headers.map(([name, value]): [string, string] => [shownText(name), shownText(value)]);
  const mark: Mark = judged.standing === 'replayed' ? 'ok' : 'warn';
  return [
    {
      kind: 'heading',
      text: `${facts.source.dlq} ${judged.seen.partition}/${judged.seen.offset} · region ${facts.region}`,
    },
    { kind: 'keyValues', rows },
    ...(headers.length === 0
      ? [{ kind: 'text', text: 'It had no headers of its own.' } as const]
      : [{ kind: 'text', text: 'Headers it had:' } as const, { kind: 'keyValues', rows: headers } as const]),
    { kind: 'verdict', text: `${capital(WORDS[judged.standing])}.`, mark },
    ...(judged.standing === 'waiting'
      ? [
          {
            kind: 'next',
            command: `uplift dlq plan ${facts.source.dlq} --out ${planName}`,
          } as const,
        ]
      : []),
  ];
}

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
