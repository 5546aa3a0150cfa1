import { type Finding, worstFirst } from '../core/finding.ts';
import { justified, padEnd, widthOf, wrap } from './letters.ts';
import { markOf, paint, type Style } from './style.ts';

const ID_MAX_COLUMNS = 34;

/**
 * Findings, the worst first: mark, id, what is the case, and the line that made the promise. What is not a pass also
 * shows the query, the raw value and the next command.
 */
export function renderFindings(findings: readonly Finding[], style: Style): string[] {
  const manyRegions = new Set(findings.map((finding) => finding.region)).size > 1;
  const label = (finding: Finding): string =>
    manyRegions && finding.region !== undefined ? `${finding.id} [${finding.region}]` : finding.id;
  const idColumns = Math.min(
    ID_MAX_COLUMNS,
    Math.max(0, ...findings.map((finding) => widthOf(label(finding)))),
  );
  return worstFirst(findings).flatMap((finding) => [
    ...headLines(finding, label(finding), idColumns, style),
    ...(finding.status === 'pass' ? [] : detailLines(finding, style)),
  ]);
}

function headLines(finding: Finding, label: string, idColumns: number, style: Style): string[] {
  const promise = finding.promise === undefined ? '' : paint(style, 'dim', finding.promise.text);
  const mark = markOf(style, finding.status);
  const lead = `${mark} ${padEnd(label, idColumns)}  `;
  const indent = ' '.repeat(idColumns + 4);
  // A summary beside a long id or a long promise would become a narrow ribbon: give it lines of its own then.
  const own = widthOf(label) > idColumns || style.columns - widthOf(lead) < 30;
  const first = own ? [`${mark} ${label}`] : [];
  const left = own ? '    ' : lead;
  const rest = own ? '    ' : indent;
  const withPromise = promise === '' ? undefined : justified(left + finding.summary, promise, style.columns);
  if (withPromise !== undefined && !finding.summary.includes('\n')) return [...first, withPromise];
  const body = wrap(finding.summary, style.columns - widthOf(rest));
  const lines = body.map((text, at) => (at === 0 ? left : rest) + text);
  const last = lines.at(-1) ?? '';
  if (promise === '') return [...first, ...lines];
  const joined = justified(last, promise, style.columns);
  return [
    ...first,
    ...(joined === undefined ? [...lines, `${rest}${promise}`] : [...lines.slice(0, -1), joined]),
  ];
}

function detailLines(finding: Finding, style: Style): string[] {
  const arrow = style.unicode ? '→' : '->';
  const evidence = finding.evidence.flatMap(({ query, value }) => {
    const lines = wrap(`${query}  ${arrow}  ${value}`, style.columns - 6);
    return lines.map((text, at) => paint(style, 'dim', (at === 0 ? '    ' : '      ') + text));
  });
  return [...evidence, ...(finding.next === undefined ? [] : [`    ${finding.next}`])];
}
