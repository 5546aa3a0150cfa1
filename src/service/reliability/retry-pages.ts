import type { RetryPlanAnswer, RetryResult } from '../../contract/reliability.ts';
import { type Html, html, type Part } from '../../core/web/html.ts';
import { table } from '../../core/web/page.ts';
import { PATHS, page } from './page.ts';
import { counted, spanOf } from './words.ts';

const DOES = {
  sendAgain: 'the same bytes are sent again',
  look: 'stands in the log: its decision is looked for',
} as const;

const head = html`<header><h1>Retry of unknown outcomes</h1><p class="quiet"><a href="${PATHS.dashboard}">Reliability</a></p></header>`;
const back = html`<a class="act" href="${PATHS.dashboard}">Back, change nothing</a>`;

/** What a retry would do, to what exactly, and the only button that does it. Pure. */
export function retryPlanPage(plan: RetryPlanAnswer, nowMs: number, warning: string | undefined): string {
  const { retries, refused, more, token, expiresAt } = plan;
  const count = retries.length;
  const verdict =
    count === 0
      ? html`<p class="verdict">Nothing can be retried</p>`
      : html`<p class="verdict">Retry ${counted(count, 'operation')}?</p>
<p class="says">${count === 1 ? 'It becomes' : 'They become'} due now, and the next round of a sweeper takes
${count === 1 ? 'it' : 'them'}. Event ids and bytes stay as they are: what is in the log already is accepted once. Nothing is
sent after the time of an operation.</p>`;
  const note = warning === undefined ? null : html`<p class="says attention">${warning}</p>`;
  const left = more ? html`<p class="says quiet">There are more: retry again when these are done.</p>` : null;
  const form =
    count === 0
      ? back
      : html`<form method="post" action="${PATHS.retry}"><input type="hidden" name="token" value="${token}"><div class="acts">
<button type="submit">Retry ${counted(count, 'operation')} now</button>${back}</div></form>
<p class="quiet says">Good for ${spanOf(Date.parse(expiresAt) - nowMs)}, and for these alone.</p>`;
  const title = count === 0 ? 'Nothing can be retried' : `Retry ${counted(count, 'operation')}?`;
  const rows = retries.map(({ operationId, does, attempts }) => [
    id(operationId),
    DOES[does],
    String(attempts),
  ]);
  const columns = [
    { name: 'Operation', kind: 'id' },
    { name: 'What is done' },
    { name: 'Tries', kind: 'number' },
  ] as const;
  const list = count === 0 ? null : table('To be retried', columns, rows);
  return page(title, html`${head}${verdict}${note}${left}${form}${list}${refusedTable(refused)}`);
}

/** What was done. Pure. */
export function retryResultPage({ doneAt, due, refused }: RetryResult, again: boolean): string {
  const verdict = due.length === 0 ? 'Nothing was retried' : `${counted(due.length, 'operation')} due now`;
  const says =
    due.length === 0
      ? html`<p class="says">What could be retried when you looked has changed since.</p>`
      : html`<p class="says">The next round of a sweeper takes ${due.length === 1 ? 'it' : 'them'}, under the same event
${due.length === 1 ? 'id' : 'ids'}. The dashboard shows what becomes of ${due.length === 1 ? 'it' : 'them'}.</p>`;
  const columns = [{ name: 'Operation', kind: 'id' }, { name: 'What is done' }] as const;
  const rows = due.map(({ operationId, does }) => [id(operationId), DOES[does]]);
  return page(
    verdict,
    html`${head}<p class="verdict ${due.length === 0 ? 'unknown' : 'ok'}">${verdict}</p>${says}
<p class="quiet says">Done at <time datetime="${doneAt}">${doneAt.slice(11, 19)} UTC</time>${
      again ? '; this was confirmed before, and nothing was done a second time' : ''
    }.</p>${due.length === 0 ? null : table('Due now', columns, rows)}${refusedTable(refused)}
<a class="act" href="${PATHS.dashboard}">Back to the dashboard</a>`,
  );
}

/** A confirmation that is not good any more. Pure. */
export function retryGonePage(): string {
  return page(
    'Look again',
    html`${head}<p class="verdict unknown">Look again</p><p class="says">This confirmation is too old, or was given by another
process. Nothing was done by it now.</p><a class="act" href="${PATHS.retry}">What a retry would do now</a>`,
  );
}

function refusedTable(refused: RetryResult['refused']): Part {
  if (refused.length === 0) return null;
  const columns = [{ name: 'Operation', kind: 'id' }, { name: 'Why not' }] as const;
  const rows = refused.map(({ operationId, reason }) => [id(operationId), reason]);
  return table('Not retried', columns, rows);
}

const id = (operationId: string): Html => html`<code>${operationId}</code>`;
