import { dlqOf } from '../../contract/dead-letter.ts';
import { TOPICS } from '../../contract/records.ts';
import type { About, Known, ReliabilityStatus, Verdict } from '../../contract/reliability.ts';
import { type Html, html, type Part } from '../../core/web/html.ts';
import { figures, table } from '../../core/web/page.ts';
import { grouped, mark, PATHS, timeOf } from './page.ts';
import { counted, spanOf } from './words.ts';

export const TITLES: Readonly<Record<About, string>> = {
  unknownOutcomes: 'Unknown outcomes',
  sweeper: 'Sweepers',
  idempotency: 'Idempotency',
  deadLetters: 'Dead letters of the projection',
  projection: 'Projection',
};

type Fact = ReliabilityStatus[About];

/** A fact under its title, with its mark and its age. What could not be asked says so where its numbers would stand. */
export function section<F extends Fact>(
  about: About,
  fact: F,
  status: ReliabilityStatus,
  body: (known: Extract<F, { state: 'known' }>) => Part,
): Html {
  const verdict = verdictOn(about, status);
  const nowMs = Date.parse(status.at);
  const seen = fact.state === 'known' ? 'seen' : 'asked in vain';
  const content =
    fact.state === 'unknown'
      ? html`<p class="says unknown">Not known: ${fact.reason}</p>`
      : body(fact as Extract<F, { state: 'known' }>);
  return html`<section id="${about}" aria-labelledby="${about}-title"><div class="head">
<h2 id="${about}-title">${mark(verdict)}${TITLES[about]}</h2><p class="age">${seen} ${timeOf(fact.observedAt, nowMs)}</p></div>
${content}</section>`;
}

function verdictOn(about: About, { reasons }: ReliabilityStatus): Verdict {
  const own = reasons.filter((reason) => reason.about === about);
  if (own.some(({ verdict }) => verdict === 'attention')) return 'attention';
  return own.length > 0 ? 'unknown' : 'ok';
}

const ago = (at: string | null, nowMs: number): Part => (at === null ? '–' : timeOf(at, nowMs));
const span = (ms: number | null): string => (ms === null ? '–' : spanOf(ms));

export function unknownOutcomes(known: Known<'unknownOutcomes'>, nowMs: number): Html {
  const { waiting, givenUp, retryable, operations } = known;
  const total = waiting + givenUp;
  return html`<p class="says quiet">Commands whose append ended without an answer. Sweepers send the same bytes again, under
the same event id, until the projection shows them or their time is over.</p>${figures([
    ['waiting', grouped(waiting)],
    ['due now', grouped(known.due)],
    ['in the log, not decided', grouped(known.inLog)],
    ['oldest waiting', ago(known.oldestWaitingSince, nowMs)],
    ['next try', ago(known.nextDueAt, nowMs)],
    ['most attempts', grouped(known.mostAttempts)],
    ['given up', grouped(givenUp)],
    ['not kept, last week', known.notKept === null ? 'not known' : grouped(known.notKept)],
  ])}${reasonsTable(known)}${operationsTable(known, nowMs)}${
    total > operations.length
      ? html`<p class="quiet">The oldest ${grouped(operations.length)} of ${grouped(total)}.</p>`
      : null
  }${total === 0 ? null : retryLink(retryable, total)}`;
}

function retryLink(retryable: number, total: number): Html {
  return retryable === 0
    ? html`<p class="says">None of ${counted(total, 'operation')} can be sent again: their time is over. Their clients
send them again under their keys. <a href="${PATHS.retry}">What a retry would say</a></p>`
    : html`<a class="act" href="${PATHS.retry}">Retry now …</a>`;
}

function reasonsTable({ givenUpBy }: Known<'unknownOutcomes'>): Part {
  if (givenUpBy.length === 0) return null;
  return table(
    'Given up, by reason',
    [{ name: 'Reason' }, { name: 'Operations', kind: 'number' }],
    givenUpBy.map(({ reason, count }) => [html`<code>${reason}</code>`, grouped(count)]),
  );
}

function operationsTable({ operations }: Known<'unknownOutcomes'>, nowMs: number): Part {
  if (operations.length === 0) return null;
  const columns = [
    { name: 'Operation', kind: 'id' },
    { name: 'Standing' },
    { name: 'Tries', kind: 'number' },
    { name: 'Can be sent' },
  ] as const;
  const rows = operations.map((each) => [
    html`<code>${each.operationId}</code>`,
    html`${each.standing === 'waiting' ? (each.inLog ? 'in the log' : 'waiting') : 'given up'}
<span class="quiet">${timeOf(each.keptAt, nowMs)}</span>`,
    String(each.attempts),
    Date.parse(each.retryUntil) > nowMs ? html`for ${until(each.retryUntil, nowMs)}` : 'no more',
  ]);
  return table('Operations without an end, the oldest first', columns, rows);
}

const until = (at: string, nowMs: number): Html =>
  html`<time datetime="${at}" title="${at}">${spanOf(Date.parse(at) - nowMs)}</time>`;

const STANDING: Readonly<Record<Known<'sweeper'>['instances'][number]['standing'], string>> = {
  working: 'works',
  notReady: 'not ready',
  hangs: 'hangs',
  silent: 'silent',
};

export function sweepers({ instances }: Known<'sweeper'>, nowMs: number): Html {
  if (instances.length === 0)
    return html`<p class="says">None was heard from within an hour. Unknown outcomes stay as they are until one runs:
<code>uplift service sweeper</code></p>`;
  const columns = [{ name: 'Sweeper' }, { name: 'Standing' }, { name: 'Rounds' }];
  const rows = instances.map((each) => [
    html`<span class="free">${each.instance}</span>`,
    html`${STANDING[each.standing]}${each.notReady === null ? null : html`: <span class="free">${each.notReady}</span>`}
<span class="quiet">heard ${timeOf(each.heardAt, nowMs)}</span>`,
    html`${each.sweptAt === null ? 'none yet' : html`last ${timeOf(each.sweptAt, nowMs)}`}${workOf(each.lastWork, nowMs)}`,
  ]);
  return table('Any number work side by side; none leads', columns, rows);
}

function workOf(work: Known<'sweeper'>['instances'][number]['lastWork'], nowMs: number): Part {
  if (work === null) return html`<span class="quiet">nothing was due yet</span>`;
  const { taken, decided, sent, failed, givenUp } = work;
  const counts = [
    `${decided} decided`,
    `${sent} sent`,
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(givenUp === 0 ? [] : [`${givenUp} given up`]),
  ];
  return html`<span class="quiet">${timeOf(work.at, nowMs)}: of ${grouped(taken)} due ${counts.join(', ')}</span>`;
}

export function idempotency(known: Known<'idempotency'>, nowMs: number): Html {
  const { redis, postgres, nowhere, notAsked } = known.gateways;
  const places = [
    [redis, 'in Redis'],
    [postgres, 'in Postgres'],
    [nowhere, 'nowhere'],
    [notAsked, 'not known'],
  ] as const;
  const where = places.filter(([count]) => count > 0).map(([count, place]) => `${count} ${place}`);
  return html`${figures([
    ['where gateways claim', where.length === 0 ? 'none heard' : where.join(', ')],
    ['attempts running', grouped(known.running)],
    ['oldest running', span(known.oldestRunningMs)],
    [
      'crossed, last week',
      html`${grouped(known.crossed)}${
        known.lastCrossedAt === null ? null : html` <small>${timeOf(known.lastCrossedAt, nowMs)}</small>`
      }`,
    ],
  ])}${heldClaims(known)}`;
}

function heldClaims({ heldInPostgres }: Known<'idempotency'>): Html {
  const { running, finished, released, isAtLeast } = heldInPostgres;
  if (running + finished + released === 0)
    return html`<p class="quiet says">Postgres holds no claim from a time without Redis. What Redis holds is not counted.</p>`;
  const least = isAtLeast ? 'at least ' : '';
  const columns = [{ name: 'State' }, { name: 'Claims', kind: 'number' }] as const;
  const rows = [
    ['running', `${least}${grouped(running)}`],
    ['finished', `${least}${grouped(finished)}`],
    ['released, may be tried again', `${least}${grouped(released)}`],
  ];
  return html`${table('Claims that Postgres holds from a time without Redis', columns, rows)}
<p class="quiet says">What Redis holds is not counted.</p>`;
}

export function deadLetters(known: Known<'deadLetters'>, nowMs: number): Html {
  const { parked, byReason, oldestAt, reservationsBehind } = known;
  const counts = figures([
    ['events parked', grouped(parked)],
    ['reservations held up', grouped(reservationsBehind)],
    ['oldest', ago(oldestAt, nowMs)],
  ]);
  if (parked === 0) return counts;
  return html`${counts}${table(
    'Parked, by reason',
    [{ name: 'Reason' }, { name: 'Events', kind: 'number' }, { name: 'Oldest' }],
    byReason.map(({ reason, count, oldestAt: at }) => [
      html`<code>${reason}</code>`,
      grouped(count),
      timeOf(at, nowMs),
    ]),
  )}<div class="type"><p class="quiet">They are replayed from a terminal, once their reason is gone:</p>
<code>uplift dlq plan ${dlqOf(TOPICS.events)} --out replay.plan.json</code><code>uplift dlq replay replay.plan.json</code></div>`;
}

export function projection(known: Known<'projection'>, nowMs: number): Html {
  return html`${figures([
    ['behind', known.lagSeconds === null ? 'not known' : spanOf(known.lagSeconds * 1000)],
    ['events not applied', known.lagRecords === null ? 'not known' : grouped(known.lagRecords)],
    [
      'partitions with a projector',
      html`${grouped(known.covered)}<small> of ${grouped(known.partitions)}</small>`,
    ],
    ['partitions stopped', grouped(known.stopped)],
    ['applied an event', ago(known.movedAt, nowMs)],
    ['decided through', ago(known.decidedThroughAt, nowMs)],
  ])}`;
}
