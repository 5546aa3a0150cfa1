import type { Verdict } from '../../contract/reliability.ts';
import { Html, html, type Part } from '../runtime/html.ts';
import { STYLE } from './style.ts';
import { relative } from './words.ts';

/** Where the pages stand; links between them are relative to the server. */
export const PATHS = {
  status: '/v1/reliability/status',
  dashboard: '/v1/reliability/dashboard',
  retry: '/v1/reliability/retry',
} as const;

// A style that is not escaped: it is ours, and its hash stands in the policy.
const STYLE_TAG = new Html(`<style>${STYLE}</style>`);
const DOCTYPE = new Html('<!doctype html>');

/** A whole page. `refreshS`: it asks again by itself, without a script. */
export function page(
  title: string,
  body: Part,
  { refreshS }: { readonly refreshS?: number | undefined } = {},
): string {
  const refresh =
    refreshS === undefined ? null : html`<meta http-equiv="refresh" content="${String(refreshS)}">`;
  return html`${DOCTYPE}<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">${refresh}<link rel="icon" href="data:,"><title>${title}</title>${STYLE_TAG}</head>
<body><main>${body}</main></body></html>`.text;
}

const MARKS: Readonly<Record<Verdict, string>> = { ok: '✔', attention: '!', unknown: '?' };

/** The mark of a verdict; what it means stands in words beside it. */
export const mark = (verdict: Verdict): Html =>
  html`<span class="mark ${verdict}" aria-hidden="true">${MARKS[verdict]}</span>`;

/** A time as a reader thinks of it; exactly, to whoever points at it. */
export function timeOf(at: string, nowMs: number): Html {
  return html`<time datetime="${at}" title="${at}">${relative(Date.parse(at), nowMs)}</time>`;
}

export interface Column {
  readonly name: string;
  readonly kind?: 'number' | 'id';
}

/** A table with a caption; the first cell of each row names it. */
export function table(caption: string, columns: readonly Column[], rows: readonly (readonly Part[])[]): Html {
  const classOf = (at: number): Html => {
    const kind = columns[at]?.kind;
    if (kind === undefined) return html``;
    return kind === 'number' ? html` class="n"` : html` class="id"`;
  };
  const cell = (value: Part, at: number): Html =>
    at === 0 ? html`<th scope="row"${classOf(at)}>${value}</th>` : html`<td${classOf(at)}>${value}</td>`;
  return html`<table><caption>${caption}</caption><thead><tr>${columns.map(
    ({ name }, at) => html`<th scope="col"${classOf(at)}>${name}</th>`,
  )}</tr></thead><tbody>${rows.map((row) => html`<tr>${row.map(cell)}</tr>`)}</tbody></table>`;
}

/** Counts with what they count. */
export function figures(pairs: readonly (readonly [label: string, value: Part])[]): Html {
  return html`<dl>${pairs.map(([label, value]) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>`;
}

export const grouped = (count: number): string => count.toLocaleString('en-US');
