/**
 * The one exit-code table. Nothing else in the project decides a process exit code:
 * renderers never do, commands return an `Exit`, `main.ts` sets `process.exitCode`.
 */
export const EXIT = {
  ok: 0,
  bug: 1,
  fail: 10,
  warningsUnderStrict: 11,
  inconclusive: 12,
  deadline: 13,
  changesToMake: 14,
  refused: 15,
  notRestored: 16,
  usage: 64,
  badInput: 65,
  unavailable: 69,
  cannotWrite: 74,
  badConfig: 78,
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitName = keyof typeof EXIT;
export type ExitCode = (typeof EXIT)[ExitName];

/** Highest first. Codes that only exist before anything has started (64, 65, 78) come last: they never compete. */
const PRECEDENCE: readonly ExitCode[] = [16, 74, 1, 129, 130, 143, 15, 10, 12, 69, 13, 11, 14, 78, 65, 64, 0];

/** The code a run ends with when several outcomes apply at once (design: 16 > 74 > 1 > signals > 15 > 10 > …). */
export function worstExit(codes: Iterable<ExitCode>): ExitCode {
  const seen = new Set(codes);
  return PRECEDENCE.find((code) => seen.has(code)) ?? EXIT.ok;
}

/** Exit code of a run ended by a signal, after restoring. */
export function exitForSignal(signal: 'SIGHUP' | 'SIGINT' | 'SIGTERM'): ExitCode {
  if (signal === 'SIGHUP') return EXIT.hungUp;
  return signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated;
}
