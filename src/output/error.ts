import { reasonOf, UpliftError } from '../core/error.ts';
import { EXIT, type ExitCode } from '../core/exit.ts';
import type { Finding } from '../core/finding.ts';
import { renderFindings } from './findings.ts';
import { harmless, justified, padEnd, toAscii, widthOf, wrap } from './letters.ts';
import { paint, type Style } from './style.ts';

export interface ErrorView {
  readonly debug: boolean;
  /** The code the process will end with; the error's own, or a worse one that applies as well. */
  readonly exit: ExitCode;
}

/** What went wrong, for people: findings, message with its code at the edge, exit code, what to type next. */
export function renderError(error: unknown, style: Style, view: ErrorView): string {
  const lines =
    error instanceof UpliftError ? expectedLines(error, style, view.exit) : bugLines(error, style);
  const all = view.debug ? [...lines, ...debugLines(error)] : lines;
  const text = all.map(harmless).join('\n');
  return `${style.unicode ? text : toAscii(text)}\n`;
}

function expectedLines(error: UpliftError, style: Style, exit: ExitCode): string[] {
  const findings = findingLines(error.findings, style);
  const gap = findings.length > 0 ? [''] : [];
  const next = error.next === undefined ? [] : nextLines(error.next);
  return [...findings, ...gap, ...withCode(error.message, error.code, style), `exit ${exit}`, ...next];
}

function nextLines(next: string): string[] {
  return next.split('\n').map((line, at) => `${at === 0 ? 'Next: ' : '      '}${line}`);
}

/** Message left, code at the right edge; on a line of its own where both do not fit. */
function withCode(message: string, code: string, style: Style): string[] {
  const lines = wrap(message, style.columns);
  const last = justified(lines.at(-1) ?? '', code, style.columns);
  return last === undefined ? [...lines, `  ${code}`] : [...lines.slice(0, -1), last];
}

/** Problems of a file start with their place, as compilers do; other findings look as they do in a report. */
function findingLines(findings: readonly Finding[], style: Style): string[] {
  const placed = findings.filter((finding) => finding.id.startsWith('UPL-') && finding.promise !== undefined);
  const others = findings.filter((finding) => !placed.includes(finding));
  const placeColumns = Math.max(0, ...placed.map((finding) => widthOf(finding.promise?.text ?? '')));
  return [
    ...placed.flatMap((finding) => {
      const lead = `${padEnd(finding.promise?.text ?? '', placeColumns)}  `;
      const lines = wrap(finding.summary, style.columns - widthOf(lead)).map(
        (t, at) => (at === 0 ? lead : ' '.repeat(widthOf(lead))) + t,
      );
      const last = justified(lines.at(-1) ?? '', finding.id, style.columns);
      return last === undefined
        ? [...lines, `${' '.repeat(widthOf(lead))}${finding.id}`]
        : [...lines.slice(0, -1), last];
    }),
    ...renderFindings(others, { ...style, color: false }),
  ];
}

function bugLines(error: unknown, style: Style): string[] {
  return [
    ...wrap(`Unexpected: ${reasonOf(error)}`, style.columns),
    paint({ ...style, color: false }, 'plain', `This is a bug in uplift. exit ${EXIT.bug}`),
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
