import { setTimeout as delay } from 'node:timers/promises';
import type { Sql } from '../../clients/postgres/index.ts';
import { decodeToken, type Token } from '../../contract/token.ts';
import { isUpliftError } from '../../core/error.ts';

/** What a server says: the answer, and how far the partition it is asked about is decided there, by one statement. */
export interface Seen<T> {
  readonly decidedThrough: bigint;
  readonly answer: T;
}

export interface ReadSources {
  /** Where reads go first: a replica, or the writer where there is none. */
  readonly near: Sql;
  readonly writer: Sql;
  /** How long a read waits for a server that is behind its token. */
  readonly waitMs: number;
  readonly onFallback: () => void;
}

const LOOK_MS = 50;

/** Reads near; where that server does not answer, from the writer. */
export async function readNear<T>(sources: ReadSources, look: (sql: Sql) => Promise<T>): Promise<T> {
  if (sources.near === sources.writer) return look(sources.writer);
  try {
    return await look(sources.near);
  } catch (error) {
    if (!isUpliftError(error)) throw error;
    sources.onFallback();
    return look(sources.writer);
  }
}

/**
 * An answer that has the effect of the token's command in it (S10): near, as soon as that server is so far, within
 * `waitMs`; else from the writer, if that is so far; else undefined. Row and position come from one statement on one
 * server: read apart, a position could promise what a row does not show.
 */
export async function readAfter<T>(
  sources: ReadSources,
  token: Token,
  look: (sql: Sql) => Promise<Seen<T>>,
): Promise<Seen<T> | undefined> {
  const endsAtMs = performance.now() + sources.waitMs;
  const isThere = (seen: Seen<T>): boolean => seen.decidedThrough >= token.commandOffset;
  for (;;) {
    const seen = await readNear(sources, look);
    if (isThere(seen)) return seen;
    if (performance.now() >= endsAtMs) break;
    await delay(Math.min(LOOK_MS, Math.max(1, endsAtMs - performance.now())));
  }
  if (sources.near === sources.writer) return undefined;
  const last = await look(sources.writer);
  return isThere(last) ? last : undefined;
}

/** The token of a request; `invalid`: it is none, `foreign`: of another region or of a topic that was made again. */
export function tokenIn(
  text: string,
  here: { readonly region: string; readonly topicId: string | undefined; readonly partitions: number },
): Token | 'invalid' | 'foreign' {
  const token = decodeToken(text);
  if (token === undefined || token.partition < 0 || token.partition >= here.partitions) return 'invalid';
  return token.region === here.region && token.topicId === here.topicId ? token : 'foreign';
}
