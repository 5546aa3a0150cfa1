import { styleText } from 'node:util';
import type { FindingStatus } from '../core/finding.ts';

/** How text may look on one stream. Colour never carries meaning alone: every mark is a shape or a letter too. */
export interface Style {
  readonly color: boolean;
  readonly unicode: boolean;
  readonly columns: number;
  /** Started by npx: then `uplift` alone is most likely not on the PATH, and what to type next begins with npx. */
  readonly npx?: boolean;
}

export interface StreamTraits {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Style of a stream: FORCE_COLOR over NO_COLOR (as Node has it), otherwise colour only on a terminal outside CI.
 * Unicode follows LC_ALL, LC_CTYPE, LANG in POSIX order; macOS terminals are UTF-8 without saying so.
 */
export function styleOf(stream: StreamTraits, env: Env, platform: string = process.platform): Style {
  const locale = [env.LC_ALL, env.LC_CTYPE, env.LANG].find((value) => value !== undefined && value !== '');
  return {
    color: wantsColor(stream, env),
    unicode: locale === undefined ? platform === 'darwin' : /utf-?8/i.test(locale),
    columns: columnsOf(stream, env),
    npx: env.npm_command === 'exec',
  };
}

function wantsColor(stream: StreamTraits, env: Env): boolean {
  if (env.FORCE_COLOR !== undefined) return !['0', 'false'].includes(env.FORCE_COLOR);
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  return stream.isTTY === true && !isCi(env) && env.TERM !== 'dumb';
}

/** Whether a CI system runs us: no animation there, even where it pretends to be a terminal. */
export function isCi(env: Env): boolean {
  return env.CI !== undefined && !['', '0', 'false'].includes(env.CI);
}

function columnsOf(stream: StreamTraits, env: Env): number {
  const wanted = stream.columns ?? Number.parseInt(env.COLUMNS ?? '', 10);
  return Number.isFinite(wanted) && wanted > 0 ? Math.min(Math.max(wanted, 40), 200) : 100;
}

/** A command as it has to be typed here; other text, such as a path to correct, stays as it is. */
export function typed(style: Style, command: string): string {
  return style.npx === true ? command.replace(/(^|: |\n)uplift /g, '$1npx uplift ') : command;
}

export type Tone = 'good' | 'bad' | 'warn' | 'unknown' | 'dim' | 'strong' | 'plain';

const FORMAT = {
  good: 'green',
  bad: 'red',
  warn: 'yellow',
  unknown: 'magenta',
  dim: 'dim',
  strong: 'bold',
} as const;

/** Colours a piece of text where the style has colour. */
export function paint(style: Style, tone: Tone, text: string): string {
  if (!style.color || tone === 'plain' || text === '') return text;
  return styleText(FORMAT[tone], text, { validateStream: false });
}

const MARKS: Readonly<Record<FindingStatus, readonly [unicode: string, ascii: string, tone: Tone]>> = {
  pass: ['✔', 'v', 'good'],
  warn: ['!', '!', 'warn'],
  fail: ['✘', 'x', 'bad'],
  inconclusive: ['?', '?', 'unknown'],
  blocked: ['#', '#', 'unknown'],
  notApplicable: ['-', '-', 'dim'],
};

/** One-character mark of a finding status: ✔ ! ✘ ? # -, or v ! x ? # - without Unicode. */
export function markOf(style: Style, status: FindingStatus): string {
  const [unicode, ascii, tone] = MARKS[status];
  return paint(style, tone, style.unicode ? unicode : ascii);
}
