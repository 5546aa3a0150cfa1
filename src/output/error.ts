import { reasonOf, UpliftError } from '../core/error.ts';
import { EXIT, type ExitCode } from '../core/exit.ts';
import type { Finding } from '../core/finding.ts';
import { renderFindings } from './findings.ts';
import { hanging } from './layout.ts';
import { harmless, padEnd, toAscii, widthOf, wrap } from './letters.ts';
import { type Style, typed } from './style.ts';

export interface ErrorView {
  readonly debug: boolean;
  /** The code the process will end with; the error's own, or a worse one that applies as well. */
  readonly exit: ExitCode;
}

/** What went wrong, for people: findings, message with its code at the edge, exit code, what to type next. */
export function renderError(error: unknown, style: Style, view: ErrorView): string {
  // Plain: the words of an error are filtered as a whole, and colour would be taken for an escape sequence.
  const plain = { ...style, color: false };
  const lines =
    error instanceof UpliftError ? expectedLines(error, plain, view.exit) : bugLines(error, plain);
  const all = view.debug ? [...lines, ...debugLines(error)] : lines;
  const text = all.map(harmless).join('\n');
  return `${style.unicode ? text : toAscii(text)}\n`;
}

function expectedLines(error: UpliftError, style: Style, exit: ExitCode): string[] {
  const findings = findingLines(error.findings, style);
  const gap = findings.length > 0 ? [''] : [];
  const right = `${error.code}  exit ${exit}`;
  const message = hanging({ lead: '', text: error.message, right, columns: style.columns });
  return [...findings, ...gap, ...message, ...nextLines(error.next, style)];
}

function nextLines(next: string | undefined, style: Style): string[] {
  const lines = next === undefined ? [] : typed(style, next).split('\n');
  return lines.map((line, at) => `${at === 0 ? 'Next: ' : '      '}${line}`);
}

/** Problems of a file start with their place, as compilers do; other findings look as they do in a report. */
function findingLines(findings: readonly Finding[], style: Style): string[] {
  const placed = findings.filter((finding) => finding.id.startsWith('UPL-') && finding.promise !== undefined);
  const others = findings.filter((finding) => !placed.includes(finding));
  const placeColumns = Math.max(0, ...placed.map((finding) => widthOf(finding.promise?.text ?? '')));
  const lead = (finding: Finding): string => `${padEnd(finding.promise?.text ?? '', placeColumns)}  `;
  return [
    ...placed.flatMap((one) =>
      hanging({ lead: lead(one), text: one.summary, right: one.id, columns: style.columns }),
    ),
    ...renderFindings(others, style),
  ];
}

function bugLines(error: unknown, style: Style): string[] {
  return [
    ...wrap(`Unexpected: ${reasonOf(error)}`, style.columns),
    `This is a bug in uplift. exit ${EXIT.bug}`,
    'Next: repeat with --debug and send the output to the maintainers',
  ];
}

const MAX_CAUSES = 8;

function debugLines(error: unknown): string[] {
  const lines: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < MAX_CAUSES && current !== undefined && current !== null; depth += 1) {
    const text = current instanceof Error ? (current.stack ?? current.message) : String(current);
    lines.push('', depth === 0 ? text : `caused by: ${text}`);
    current =
      current instanceof AggregateError
        ? current.errors[0]
        : current instanceof Error
          ? current.cause
          : undefined;
  }
  return lines;
}
