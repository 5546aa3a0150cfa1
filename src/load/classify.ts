import type { HttpResult } from '../clients/http/http.ts';
import { acknowledgedSchema, PROBLEMS, problemSchema } from '../contract/http.ts';

/** What one attempt came to. `retry`: worth sending again under the same key. */
export interface AttemptOutcome {
  readonly kind: 'ok' | 'fail' | 'info';
  readonly retry: boolean;
  /** An earlier attempt under the key has not ended: asked again after a second, and no attempt of its own. */
  readonly running?: true;
  readonly status: number | null;
  readonly token: string | null;
  /** Null when ok; else short and stable enough to count by. */
  readonly reason: string | null;
}

const OUR_PROBLEMS = 'urn:uplift:problem:';
/** Answered before anything was sent on, by contract: no effect, and a later try may work. */
const NOT_SENT_PROBLEMS: readonly string[] = [PROBLEMS.notReady, PROBLEMS.overloaded];

/**
 * The rule of the whole history: only a 202 that names our operation is ok; only what certainly had no effect is a
 * fail (nothing written, a documented 4xx problem, a 503 that says it sent nothing on); everything else is info.
 */
export function classify(result: HttpResult, eventId: string): AttemptOutcome {
  if (result.kind === 'failed') {
    const sent = result.failure === 'unknown';
    return {
      kind: sent ? 'info' : 'fail',
      retry: true,
      status: null,
      token: null,
      reason: `${sent ? 'no answer' : 'not sent'}: ${result.code}`,
    };
  }
  const { status } = result;
  const body = jsonOf(result.body);
  if (status === 202) return classify202(body, eventId);
  const problem = problemSchema.safeParse(body);
  const type = problem.success ? problem.data.type : null;
  const reason = `${status} ${type?.replace(OUR_PROBLEMS, '') ?? 'without a problem type'}`;
  const base = { status, token: null, reason };
  if (status === 503 && type !== null && NOT_SENT_PROBLEMS.includes(type))
    return { ...base, kind: 'fail', retry: true };
  if (status === 409 && type === PROBLEMS.keyRunning)
    return { ...base, kind: 'fail', retry: true, running: true };
  const documented = type?.startsWith(OUR_PROBLEMS) === true && type !== PROBLEMS.outcomeUnknown;
  if (status >= 400 && status < 500 && documented)
    return { ...base, kind: 'fail', retry: status === 409 || status === 429 };
  return { ...base, kind: 'info', retry: true };
}

function classify202(body: unknown, eventId: string): AttemptOutcome {
  const parsed = acknowledgedSchema.safeParse(body);
  if (!parsed.success)
    return { kind: 'info', retry: true, status: 202, token: null, reason: '202 without an operation id' };
  if (parsed.data.operationId !== eventId) {
    return {
      kind: 'info',
      retry: true,
      status: 202,
      token: null,
      reason: '202 with the operation id of another request',
    };
  }
  return { kind: 'ok', retry: false, status: 202, token: parsed.data.token, reason: null };
}

/** The value of a JSON text, or undefined: an answer that is not JSON is an answer like any other. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
