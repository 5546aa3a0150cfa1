import { Html, html, type Part } from './html.ts';

const DOCTYPE = new Html('<!doctype html>');

export interface PageOptions {
  /** CSS, ours: it is not escaped. */
  readonly style: string;
  /** Seconds until it asks again by itself, without a script. */
  readonly refreshS?: number | undefined;
  /** What the page may load, for one that no server sends headers with. */
  readonly policy?: string;
}

/** A whole page: light and dark, on a phone and on a desk, with nothing loaded from elsewhere. */
export function pageOf(title: string, body: Part, { style, refreshS, policy }: PageOptions): string {
  const refresh =
    refreshS === undefined ? null : html`<meta http-equiv="refresh" content="${String(refreshS)}">`;
  const guard =
    policy === undefined ? null : html`<meta http-equiv="Content-Security-Policy" content="${policy}">`;
  return html`${DOCTYPE}<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">${guard}${refresh}<link rel="icon" href="data:,"><title>${title}</title>${new Html(`<style>${style}</style>`)}</head>
<body><main>${body}</main></body></html>`.text;
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
