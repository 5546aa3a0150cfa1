import { isUpliftError, reasonOf } from '../core/error.ts';
import type { ErrorCode } from '../core/error-table.ts';

/** Something looked at: its value, or why it could not be seen. A dead server is a fact, not an exception. */
export type Observed<T> = { readonly seen: true; readonly atMs: number; readonly value: T } | Unseen;

export interface Unseen {
  readonly seen: false;
  readonly atMs: number;
  readonly reason: string;
  /** Of an expected failure: its code, and what it says to do next. */
  readonly code?: ErrorCode;
  readonly next?: string;
}

/** Runs one look and turns failure into a fact. */
export async function observe<T>(nowMs: () => number, look: () => Promise<T>): Promise<Observed<T>> {
  try {
    const value = await look();
    return { seen: true, atMs: nowMs(), value };
  } catch (error) {
    const unseen = { seen: false, atMs: nowMs(), reason: reasonOf(error) } as const;
    if (!isUpliftError(error)) return unseen;
    const { code, next } = error;
    return { ...unseen, code, ...(next === undefined ? {} : { next }) };
  }
}
