import { ERRORS, type ErrorCode } from './error-table.ts';
import type { ExitCode } from './exit.ts';
import type { Finding } from './finding.ts';

export interface UpliftErrorDetail {
  /** What happened and where, in one sentence, for the reader. */
  readonly message: string;
  /** What to type or do next. */
  readonly next?: string;
  readonly cause?: unknown;
  readonly findings?: readonly Finding[];
  /** Overrides the exit code of the table row, e.g. when a drill refuses (15) because a target is away (69 elsewhere). */
  readonly exit?: ExitCode;
}

/** Every expected failure. Callers branch on `code`, never on message text; `cause` survives. */
export class UpliftError extends Error {
  readonly code: ErrorCode;
  readonly exit: ExitCode;
  readonly next: string | undefined;
  readonly findings: readonly Finding[];

  constructor(code: ErrorCode, detail: UpliftErrorDetail) {
    super(detail.message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'UpliftError';
    this.code = code;
    this.exit = detail.exit ?? ERRORS[code].exit;
    this.next = detail.next;
    this.findings = detail.findings ?? [];
  }
}

/** Narrowing helper: is this an expected failure, optionally one with a given code? */
export function isUpliftError(error: unknown, code?: ErrorCode): error is UpliftError {
  return error instanceof UpliftError && (code === undefined || error.code === code);
}

const MAX_CAUSES = 8;

const SAYS_WHY = /-UNREACHABLE$|^UPL-KAFKA-AUTH$/;

/**
 * The text of anything thrown, with inner causes that say more; what a message repeats of its cause is not said twice.
 * The errors of unreachable servers, and of those that refused us, say why themselves.
 */
export function reasonOf(error: unknown): string {
  return reasonAt(error, 0);
}

function reasonAt(error: unknown, depth: number): string {
  if (!(error instanceof Error)) return String(error);
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : error.cause;
  const own = error.message === '' ? error.name : error.message;
  if (inner === undefined || inner === null || depth >= MAX_CAUSES) return own;
  if (error instanceof UpliftError && SAYS_WHY.test(error.code)) return own;
  const reason = reasonAt(inner, depth + 1);
  return own.includes(reason) ? own : `${own} (${reason})`;
}
