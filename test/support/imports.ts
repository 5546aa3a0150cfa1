import { type Token, tokensOf } from './tokens.ts';

export interface Import {
  readonly specifier: string;
  /** `type` is gone at run time, `dynamic` is loaded later. */
  readonly kind: 'static' | 'dynamic' | 'type';
}

/** Every import and re-export of a module, in order. A dynamic one counts when its argument is a plain string. */
export function importsOf(source: string): Import[] {
  const tokens = tokensOf(source);
  const found: Import[] = [];
  tokens.forEach((token, index) => {
    if (token.kind !== 'word' || isText(tokens[index - 1], '.')) return;
    if (token.text === 'import') found.push(...importAt(tokens, index));
    else if (token.text === 'export') found.push(...reExportAt(tokens, index));
  });
  return found;
}

function importAt(tokens: readonly Token[], index: number): Import[] {
  const next = tokens[index + 1];
  if (next?.kind === 'string') return [{ specifier: next.text, kind: 'static' }];
  if (isText(next, '(')) {
    const argument = tokens[index + 2];
    // `type X = import('…').X` cannot be told apart here and counts as dynamic: stricter, never looser.
    return argument?.kind === 'string' ? [{ specifier: argument.text, kind: 'dynamic' }] : [];
  }
  return fromClause(tokens, index);
}

/** `export … from '…'`; any other export ends before a `from` is met. */
function reExportAt(tokens: readonly Token[], index: number): Import[] {
  const first = isText(tokens[index + 1], 'type') ? tokens[index + 2] : tokens[index + 1];
  return isText(first, '{') || isText(first, '*') ? fromClause(tokens, index) : [];
}

/** Names, commas, braces and stars up to `from '…'`. */
function fromClause(tokens: readonly Token[], index: number): Import[] {
  for (let at = index + 1; at < tokens.length; at += 1) {
    const token = tokens[at];
    const target = tokens[at + 1];
    if (isText(token, 'from') && target?.kind === 'string') {
      return [{ specifier: target.text, kind: isTypeOnly(tokens, index) ? 'type' : 'static' }];
    }
    if (token === undefined || (token.kind !== 'word' && !/^[{},*]$/.test(token.text))) return [];
    if (isText(token, '}') && !isText(target, 'from')) return [];
  }
  return [];
}

/** `import type X from`, `import type { X } from`, but not `import type from` (a value named `type`). */
function isTypeOnly(tokens: readonly Token[], index: number): boolean {
  return (
    isText(tokens[index + 1], 'type') && !isText(tokens[index + 2], 'from') && !isText(tokens[index + 2], ',')
  );
}

const isText = (token: Token | undefined, text: string): boolean =>
  token?.kind !== 'string' && token?.text === text;
