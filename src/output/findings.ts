import { type Finding, worstFirst } from '../core/finding.ts';
import { hanging } from './layout.ts';
import { padEnd, widthOf, wrap } from './letters.ts';
import { markOf, paint, type Style, typed } from './style.ts';

const ID_MAX_COLUMNS = 34;
const MIN_SUMMARY_COLUMNS = 30;

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
  const right = paint(style, 'dim', finding.promise?.text ?? '');
  const mark = markOf(style, finding.status);
  const lead = `${mark} ${padEnd(label, idColumns)}  `;
  const rest = { text: finding.summary, right, columns: style.columns };
  // Beside a long id a summary would become a narrow ribbon: it gets lines of its own then.
  const isCrowded = widthOf(label) > idColumns || style.columns - widthOf(lead) < MIN_SUMMARY_COLUMNS;
  return isCrowded ? [`${mark} ${label}`, ...hanging({ lead: '    ', ...rest })] : hanging({ lead, ...rest });
}

function detailLines(finding: Finding, style: Style): string[] {
  const arrow = style.unicode ? '→' : '->';
  const evidence = finding.evidence.flatMap(({ query, value }) => {
    const lines = wrap(`${query}  ${arrow}  ${value}`, style.columns - 6);
    return lines.map((text, at) => paint(style, 'dim', (at === 0 ? '    ' : '      ') + text));
  });
  return [...evidence, ...(finding.next === undefined ? [] : [`    ${typed(style, finding.next)}`])];
}
