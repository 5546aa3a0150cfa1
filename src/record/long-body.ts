import type { Json } from '../core/step.ts';
import type { Entry } from './envelope.ts';
import type { Journal } from './journal.ts';

/** So much of one list stays in the body it belongs to; with a dozen full ones a line is within its largest size. */
const LIST_BYTES = 48 * 1024;
/** So much of a list stands on one line more. */
const PIECE_BYTES = 256 * 1024;

/** A further part of a list: the members of the object that lead to it, and what follows there. */
interface Piece {
  readonly path: readonly string[];
  readonly items: readonly Json[];
}

const moreOf = (kind: string): string => `${kind}.more`;

/** Journals a body whose lists may be of any length: what does not fit its line stands on lines before it. */
export async function appendLong(journal: Pick<Journal, 'append'>, kind: string, body: Json): Promise<void> {
  const { short, pieces } = shorten(body);
  // The body comes last: with it everything is there.
  for (const { path, items } of pieces) await journal.append(moreOf(kind), { path, items });
  await journal.append(kind, short);
}

/** The last body of a kind with its lists whole again, or undefined where there is none. Pure. */
export function readLong(entries: readonly Entry[], kind: string): Json | undefined {
  const at = entries.findLastIndex((entry) => entry.kind === kind);
  const found = entries[at];
  if (found === undefined) return undefined;
  const before = entries.findLastIndex((entry, index) => index < at && entry.kind === kind);
  const pieces = entries.slice(before + 1, at).filter((entry) => entry.kind === moreOf(kind));
  return pieces.reduce((body: Json, entry) => lengthen(body, entry.body), found.body);
}

/** Pure: a body with its long lists cut, and what was cut off. Lists within lists are left as they are. */
export function shorten(body: Json): { readonly short: Json; readonly pieces: readonly Piece[] } {
  const pieces: Piece[] = [];
  const walk = (value: Json, path: readonly string[]): Json => {
    if (Array.isArray(value)) {
      const items: readonly Json[] = value;
      const kept = fitting(items, 0, LIST_BYTES);
      for (let from = kept; from < items.length; ) {
        // One item at least, however long: a piece that takes none would never end.
        const count = Math.max(1, fitting(items, from, PIECE_BYTES));
        pieces.push({ path, items: items.slice(from, from + count) });
        from += count;
      }
      return items.slice(0, kept);
    }
    if (value === null || typeof value !== 'object') return value;
    const members = Object.entries(value).map(([name, child]) => [name, walk(child, [...path, name])]);
    return Object.fromEntries(members) as Json;
  };
  return { short: walk(body, []), pieces };
}

/** How many items from one on fit into so many bytes. */
function fitting(items: readonly Json[], from: number, bytes: number): number {
  let used = 0;
  let count = 0;
  for (const item of items.slice(from)) {
    used += Buffer.byteLength(JSON.stringify(item)) + 1;
    if (used > bytes) return count;
    count += 1;
  }
  return count;
}

/** A body with a piece put back at the end of its list; one that belongs nowhere changes nothing. */
function lengthen(body: Json, piece: Json): Json {
  const { path, items } = (piece ?? {}) as Partial<Piece>;
  if (!Array.isArray(path) || !Array.isArray(items)) return body;
  const put = (value: Json | undefined, [name, ...rest]: readonly string[]): Json | undefined => {
    if (name === undefined) return Array.isArray(value) ? [...(value as readonly Json[]), ...items] : value;
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
    const child = put((value as { readonly [key: string]: Json })[name], rest);
    return child === undefined ? value : { ...value, [name]: child };
  };
  return put(body, path) ?? body;
}
