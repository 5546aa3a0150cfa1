export interface Token {
  readonly kind: 'word' | 'string' | 'mark';
  /** A string's content without its quotes; escapes are left as written, which no module specifier needs. */
  readonly text: string;
}

const BLANK = /(?:\s+|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$))+/y;
const WORD = /[\w$#@]+/y;
const QUOTED = /'(?:\\[\s\S]|[^'\\\n])*'?|"(?:\\[\s\S]|[^"\\\n])*"?/y;
const REGEX = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/?/y;
/** The text of a template up to its closing backtick or the `${` of an expression. */
const TEMPLATE = /(?:\\[\s\S]|\$(?!\{)|[^`\\$])*(`|\$\{|$)/y;
/** After these a slash begins a regular expression, not a division. */
const BEFORE_REGEX =
  /^(?:[([{,;=!&|?:+\-*%<>~^]|return|typeof|case|in|of|void|delete|throw|new|await|yield)$/;

/**
 * Cuts TypeScript into words, strings and marks, so that an `import` in a comment, a string, a template or a regular
 * expression is none. TypeScript 7 has no JavaScript API to ask; this knows only what finding imports needs.
 */
export function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  /** Depths of braces at which a `}` goes on with the text of a template. */
  const templates: number[] = [];
  let depth = 0;
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(source);
    at += found?.[0].length ?? 0;
    return found;
  };
  const takeTemplate = (opening: string): void => {
    if (opening === '}') templates.pop();
    at += 1;
    if (take(TEMPLATE)?.[1] === '${') templates.push(depth);
    tokens.push({ kind: 'mark', text: '`' });
  };
  const takeMark = (char: string): void => {
    if (char === '{') depth += 1;
    if (char === '}') depth -= 1;
    at += 1;
    tokens.push({ kind: 'mark', text: char });
  };
  while (at < source.length) {
    if (take(BLANK) !== null) continue;
    const word = take(WORD);
    const quoted = word === null ? take(QUOTED) : null;
    const char = source.charAt(at);
    if (word !== null) tokens.push({ kind: 'word', text: word[0] });
    else if (quoted !== null) tokens.push({ kind: 'string', text: quoted[0].slice(1, -1) });
    else if (char === '/' && beginsRegex(tokens.at(-1)) && take(REGEX) !== null) continue;
    else if (char === '`' || (char === '}' && templates.at(-1) === depth)) takeTemplate(char);
    else takeMark(char);
  }
  return tokens;
}

function beginsRegex(before: Token | undefined): boolean {
  return before === undefined || (before.kind !== 'string' && BEFORE_REGEX.test(before.text));
}
