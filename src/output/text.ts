import type { Block, DiffEntry, Mark } from '../core/blocks.ts';
import { EXIT, type ExitCode } from '../core/exit.ts';
import type { Outcome } from '../core/outcome.ts';
import { formatCount } from '../core/units.ts';
import { renderFindings } from './findings.ts';
import { hanging } from './layout.ts';
import { harmless, padEnd, toAscii, widthOf, wrap } from './letters.ts';
import { paint, type Style, type Tone, typed } from './style.ts';
import { renderTable } from './table.ts';

/**
 * The text of an outcome for people. The verdict is the last line and says the exit code when it is not 0; what to
 * type next comes after it, wherever the command put them among its blocks.
 */
export function renderText(outcome: Pick<Outcome, 'blocks' | 'exit'>, style: Style): string {
  const blocks = outcome.blocks.map((block) =>
    mapStrings(block, style.unicode ? harmless : (text) => toAscii(harmless(text))),
  );
  const parts = blocks
    .filter((b) => b.kind !== 'verdict' && b.kind !== 'next')
    .map((block) => renderBlock(block, style));
  const verdict = verdictLines(blocks, outcome.exit, style);
  const next = blocks.filter((block) => block.kind === 'next');
  const nextLines = next.map(
    (block, at) => `${at === 0 ? 'Next: ' : '      '}${typed(style, block.command)}`,
  );
  const paragraphs = [...parts, [...verdict, ...nextLines]].filter((lines) => lines.length > 0);
  return paragraphs.length === 0 ? '' : `${paragraphs.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

const KEY_MAX_COLUMNS = 40;

const TONE_OF_MARK: Readonly<Record<Mark, Tone>> = {
  ok: 'good',
  bad: 'bad',
  warn: 'warn',
  unknown: 'unknown',
};

function verdictLines(blocks: readonly Block[], exit: ExitCode, style: Style): string[] {
  const verdicts = blocks.filter((block) => block.kind === 'verdict');
  const suffix = exit === EXIT.ok ? '' : `exit ${exit}`;
  if (verdicts.length === 0) return suffix === '' ? [] : [suffix];
  return verdicts.flatMap((verdict, at) => {
    const isLast = at === verdicts.length - 1;
    const says = new RegExp(`\\bexit ${exit}\\b`).test(verdict.text);
    const text = isLast && suffix !== '' && !says ? `${verdict.text}  ${suffix}` : verdict.text;
    return wrap(text, style.columns).map((line) => paint(style, TONE_OF_MARK[verdict.mark], line));
  });
}

/** The lines of one block, without a trailing blank line. */
export function renderBlock(block: Block, style: Style): string[] {
  switch (block.kind) {
    case 'heading':
      return [
        paint(style, 'strong', block.text),
        ...(block.sub === undefined ? [] : wrap(block.sub, style.columns)),
      ];
    case 'text':
      return wrap(block.text, style.columns);
    case 'keyValues':
      return renderKeyValues(block.rows, style);
    case 'counts':
      return renderCounts(block.items, style);
    case 'table':
      return renderTable(block.columns, block.rows, style);
    case 'findings':
      return renderFindings(block.findings, style);
    case 'diff':
      return block.entries.flatMap((entry) => renderDiffEntry(entry, widest(block.entries), style));
    case 'verdict':
      return [block.text];
    case 'next':
      return [`Next: ${block.command}`];
  }
}

function renderKeyValues(rows: readonly (readonly [string, string])[], style: Style): string[] {
  const keyColumns = Math.min(KEY_MAX_COLUMNS, Math.max(0, ...rows.map(([key]) => widthOf(key))));
  return rows.flatMap(([key, text]) =>
    hanging({ lead: `  ${padEnd(key, keyColumns)}  `, text, columns: style.columns }),
  );
}

/** Counts stand alone, zeros as visible as the others; a line breaks only between two of them. */
function renderCounts(items: readonly (readonly [string, number])[], style: Style): string[] {
  const lines: string[] = [];
  for (const [label, value] of items) {
    const item = `${label} ${paint(style, 'strong', formatCount(value))}`;
    const last = lines.at(-1);
    if (last === undefined || widthOf(last) + 4 + widthOf(item) > style.columns) lines.push(`  ${item}`);
    else lines[lines.length - 1] = `${last}    ${item}`;
  }
  return lines;
}

const TONE_OF_SIGN: Readonly<Record<DiffEntry['sign'], Tone>> = {
  '+': 'good',
  '~': 'warn',
  '!': 'bad',
  '=': 'dim',
};

function widest(entries: readonly DiffEntry[]): number {
  return Math.min(40, Math.max(0, ...entries.map((entry) => widthOf(entry.name))));
}

function renderDiffEntry(entry: DiffEntry, nameColumns: number, style: Style): string[] {
  const lead = `${paint(style, TONE_OF_SIGN[entry.sign], entry.sign)} ${padEnd(entry.name, nameColumns)}  `;
  const right = paint(style, 'dim', entry.origin ?? '');
  const lines = (entry.lines ?? []).flatMap((text) =>
    hanging({ lead: '    ', text, columns: style.columns }),
  );
  return [...hanging({ lead, text: entry.detail, right, columns: style.columns }), ...lines];
}

/** Applies a function to every string inside a block, so that layout is computed on what will be printed. */
function mapStrings<T>(value: T, change: (text: string) => string): T {
  const walk = (node: unknown): unknown => {
    if (typeof node === 'string') return change(node);
    if (Array.isArray(node)) return node.map(walk);
    if (node === null || typeof node !== 'object') return node;
    return Object.fromEntries(
      Object.entries(node).map(([key, child]) => [
        key,
        key === 'kind' || key === 'status' ? child : walk(child),
      ]),
    );
  };
  return walk(value) as T;
}
