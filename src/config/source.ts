import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { Path } from './path.ts';
import type { ConfigCode } from './section.ts';

export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface SyntaxProblem {
  readonly code: ConfigCode;
  readonly message: string;
  readonly place: Place;
}

/** A parsed file that still knows where everything stood. */
export interface Source {
  /** Plain data; undefined where the text is no YAML at all. */
  readonly data: unknown;
  readonly problems: readonly SyntaxProblem[];
  /** Place of the key (or list entry) at a path; undefined where the file does not have it. */
  readonly placeOf: (path: Path) => Place | undefined;
}

const TOP: Place = { line: 1, column: 1 };

/** Text → data with places (YAML 1.2 core schema). Every syntax problem is reported, not only the first. */
export function parseSource(text: string): Source {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    version: '1.2',
    logLevel: 'error',
  });
  const place = (offset: number | undefined): Place => {
    if (offset === undefined) return TOP;
    const { line, col } = lines.linePos(offset);
    return line === 0 ? TOP : { line, column: col };
  };
  const problems = document.errors.map(
    (error): SyntaxProblem => ({
      code: error.code === 'DUPLICATE_KEY' ? 'UPL-CONFIG-DUPLICATE-KEY' : 'UPL-CONFIG-SYNTAX',
      message:
        error.code === 'DUPLICATE_KEY' ? 'This key stands here twice' : error.message.replace(/\s+/g, ' '),
      place: place(error.pos[0]),
    }),
  );
  return {
    ...dataOf(document, problems),
    placeOf: (path) => {
      const offset = offsetOf(document, path);
      return offset === undefined ? undefined : place(offset);
    },
  };
}

/** Aliases are expanded with a limit: a few lines of YAML can otherwise fill the memory. */
function dataOf(document: Document, problems: readonly SyntaxProblem[]): Pick<Source, 'data' | 'problems'> {
  try {
    return { data: document.toJS({ maxAliasCount: 100 }) as unknown, problems };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { data: undefined, problems: [...problems, { code: 'UPL-CONFIG-SYNTAX', message, place: TOP }] };
  }
}

function offsetOf(document: Document, path: Path): number | undefined {
  let node: unknown = document.contents;
  let offset = startOf(node);
  for (const part of path) {
    const container = resolved(node, document);
    if (isMap(container)) {
      const pair = container.items.find((item) => keyText(item.key) === String(part));
      if (pair === undefined) return undefined;
      offset = startOf(pair.key);
      node = pair.value;
    } else if (isSeq(container) && typeof part === 'number' && part < container.items.length) {
      node = container.items[part];
      offset = startOf(node);
    } else return undefined;
  }
  return offset;
}

function resolved(node: unknown, document: Document): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

function keyText(key: unknown): string {
  return String(isScalar(key) ? key.value : key);
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
