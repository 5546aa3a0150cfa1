import { reasonOf } from '../core/error.ts';

/** Something looked at: its value, or why it could not be seen. A dead server is a fact, not an exception. */
export type Observed<T> =
  | { readonly seen: true; readonly atMs: number; readonly value: T }
  | { readonly seen: false; readonly atMs: number; readonly reason: string };

/** Runs one look and turns failure into a fact. */
export async function observe<T>(nowMs: () => number, look: () => Promise<T>): Promise<Observed<T>> {
  try {
    const value = await look();
    return { seen: true, atMs: nowMs(), value };
  } catch (error) {
    return { seen: false, atMs: nowMs(), reason: reasonOf(error) };
  }
}
