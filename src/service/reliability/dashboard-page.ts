import type { ReliabilityStatus, Verdict } from '../../contract/reliability.ts';
import { type Html, html } from '../../core/web/html.ts';
import { mark, PATHS, page } from './page.ts';
import * as sections from './sections.ts';

const SAYS: Readonly<Record<Verdict, string>> = {
  ok: 'Nothing needs attention',
  attention: 'Needs attention',
  unknown: 'Not known',
};

/** How often the page asks again by itself, and whether it does. */
export const REFRESH_S = 10;

/** The dashboard, of a status as it is answered. Pure: times are told from the status' own. */
export function dashboardPage(
  status: ReliabilityStatus,
  { isRefreshing }: { readonly isRefreshing: boolean },
): string {
  const nowMs = Date.parse(status.at);
  const { section } = sections;
  const body = html`<header><h1>Reliability</h1><p class="quiet">${status.region} · told by ${status.answeredBy} ·
<time datetime="${status.at}" title="${status.at}">${status.at.slice(11, 19)} UTC</time></p></header>
<p class="verdict ${status.verdict}">${mark(status.verdict)}${SAYS[status.verdict]}</p>${reasonsOf(status)}
${section('unknownOutcomes', status.unknownOutcomes, status, (known) => sections.unknownOutcomes(known, nowMs))}
${section('sweeper', status.sweeper, status, (known) => sections.sweepers(known, nowMs))}
${section('deadLetters', status.deadLetters, status, (known) => sections.deadLetters(known, nowMs))}
${section('idempotency', status.idempotency, status, (known) => sections.idempotency(known, nowMs))}
${section('projection', status.projection, status, (known) => sections.projection(known, nowMs))}
${footer(isRefreshing)}`;
  return page(`${SAYS[status.verdict]} · Reliability`, body, {
    refreshS: isRefreshing ? REFRESH_S : undefined,
  });
}

function reasonsOf({ reasons }: ReliabilityStatus): Html {
  if (reasons.length === 0) return html`<p class="says">Every fact below was asked for and answered.</p>`;
  return html`<ul class="reasons">${reasons.map(
    ({ about, verdict, says }) =>
      html`<li>${mark(verdict)}<a href="#${about}">${sections.TITLES[about]}</a>: ${says}</li>`,
  )}</ul>`;
}

function footer(isRefreshing: boolean): Html {
  const refresh = isRefreshing
    ? html`<span class="quiet">Asks again every ${REFRESH_S} s.</span> <a href="${PATHS.dashboard}?refresh=off">Hold still</a>`
    : html`<span class="quiet">Holds still.</span> <a href="${PATHS.dashboard}">Ask again every ${REFRESH_S} s</a>`;
  return html`<footer><span>${refresh}</span><a href="${PATHS.status}">As JSON</a><a href="/metrics">Metrics</a>
<a href="/docs">Routes</a></footer>`;
}
