import { escaped } from '../../core/web/html.ts';
import { type ApiInfo, GATEWAY_INFO, problemsByStatus } from './openapi.ts';
import { STATUS } from './problems.ts';
import { ROUTE_DOCS, type RouteDoc } from './route-docs.ts';

const STYLE = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:50rem;padding:1rem}
code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}section{border-top:1px solid #8886;padding:.5rem 0}
table{border-collapse:collapse;width:100%}td{border-top:1px solid #8884;padding:.2rem .5rem .2rem 0;vertical-align:top}
td:first-child{white-space:nowrap}`;

/** The routes for people: one page of plain HTML, without scripts and without anything from elsewhere. */
export function docsPage(
  routes: readonly RouteDoc[] = ROUTE_DOCS,
  { title }: Pick<ApiInfo, 'title'> = GATEWAY_INFO,
): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>${escaped(title)}</title><style>${STYLE}</style></head>
<body><h1>${escaped(title)}</h1><p>For programs: <a href="/openapi.json">openapi.json</a>. Errors are problems (RFC 9457);
branch on their <code>type</code>.</p>${routes.map(sectionOf).join('\n')}</body></html>`;
}

function sectionOf(route: RouteDoc): string {
  const inputs = [
    ...route.headers.map(({ name, required, says }) => row(name, `${says}${required ? ' Required.' : ''}`)),
    ...Object.entries(route.query?.shape ?? {}).map(([name]) => row(`?${name}=`, 'Optional.')),
    ...(route.body === undefined ? [] : [row('body', `JSON: ${route.body.name}`)]),
  ];
  const answers = [
    ...Object.entries(route.answers).map(([status, { name, says }]) => row(status, `${name}. ${says}`)),
    ...[...problemsByStatus(route)].map(([status, kinds]) =>
      row(String(status), kinds.map((kind) => STATUS[kind].title).join('. ')),
    ),
  ];
  return `<section><h2><code>${escaped(`${route.method.toUpperCase()} ${route.url}`)}</code></h2>
<p>${escaped(route.summary)}</p><table>${inputs.join('')}</table><h3>Answers</h3><table>${answers.join('')}</table></section>`;
}

const row = (name: string, says: string): string =>
  `<tr><td><code>${escaped(name)}</code></td><td>${escaped(says)}</td></tr>`;
