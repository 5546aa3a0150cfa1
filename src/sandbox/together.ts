/**
 * Runs branches side by side. When one fails the others are told to stop through their signal, all are awaited (nobody
 * goes on starting servers behind our back), and the first failure is thrown; an abort from outside throws its reason.
 */
export async function together(
  outer: AbortSignal,
  branches: readonly ((signal: AbortSignal) => Promise<void>)[],
): Promise<void> {
  const inner = new AbortController();
  const signal = AbortSignal.any([outer, inner.signal]);
  let first: { readonly error: unknown } | undefined;
  await Promise.all(
    branches.map(async (branch) => {
      try {
        signal.throwIfAborted();
        await branch(signal);
      } catch (error) {
        first ??= { error };
        inner.abort(error);
      }
    }),
  );
  outer.throwIfAborted();
  if (first !== undefined) throw first.error;
}
