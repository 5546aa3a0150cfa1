import type { Verdict } from '../../contract/reliability.ts';
import { type Html, html, type Part } from '../../core/web/html.ts';
import { pageOf } from '../../core/web/page.ts';
import { STYLE } from './style.ts';
import { relative } from './words.ts';

/** Where the pages stand; links between them are relative to the server. */
export const PATHS = {
  status: '/v1/reliability/status',
  dashboard: '/v1/reliability/dashboard',
  retry: '/v1/reliability/retry',
} as const;

/** A whole page of operators. `refreshS`: it asks again by itself, without a script. */
export const page = (
  title: string,
  body: Part,
  more: { readonly refreshS?: number | undefined } = {},
): string => pageOf(title, body, { style: STYLE, ...more });

const MARKS: Readonly<Record<Verdict, string>> = { ok: '✔', attention: '!', unknown: '?' };

/** The mark of a verdict; what it means stands in words beside it. */
export const mark = (verdict: Verdict): Html =>
  html`<span class="mark ${verdict}" aria-hidden="true">${MARKS[verdict]}</span>`;

/** A time as a reader thinks of it; exactly, to whoever points at it. */
export function timeOf(at: string, nowMs: number): Html {
  return html`<time datetime="${at}" title="${at}">${relative(Date.parse(at), nowMs)}</time>`;
}

export const grouped = (count: number): string => count.toLocaleString('en-US');
