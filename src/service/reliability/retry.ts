import type { Sql } from '../../clients/postgres/index.ts';
import type { RetryPlanAnswer, RetryResult } from '../../contract/reliability.ts';
import { CONFIRM_MS, Confirmations, type Confirmed } from './confirmations.ts';
import { iso } from './processes.ts';
import { judgeRetry, planRetry, type RetryPlan } from './retry-plan.ts';
import { keyOf, loadCandidates, makeDue, reloadCandidates } from './retry-store.ts';

/** What one confirmation holds at most. */
const MOST = 200;

/** Retry with confirmation: a plan first, and what was confirmed is done, once. */
export class Retry {
  readonly #sql: Sql;
  readonly #nowMs: () => number;
  readonly #confirmations = new Confirmations<RetryPlan, RetryResult>();

  constructor(sql: Sql, nowMs: () => number = Date.now) {
    this.#sql = sql;
    this.#nowMs = nowMs;
  }

  /** What a retry would do now, of one operation or of all without an end. Changes nothing. */
  async plan(operationId?: string): Promise<RetryPlanAnswer> {
    const of = operationId === undefined ? { limit: MOST + 1 } : { operationId };
    const { nowMs = this.#nowMs(), candidates } = await loadCandidates(this.#sql, of);
    const plan = planRetry(candidates, nowMs, MOST);
    return {
      token: this.#confirmations.issue(plan),
      expiresAt: iso(this.#nowMs() + CONFIRM_MS),
      retries: plan.retries.map(({ candidate: { operationId, attempts }, does }) => ({
        operationId,
        does,
        attempts,
      })),
      refused: [...plan.refused],
      more: plan.more,
    };
  }

  /** Does what was planned under this token. Throws when Postgres does not answer: the token then stays good. */
  confirm(token: string): Promise<Confirmed<RetryResult>> {
    return this.#confirmations.confirm(token, (plan) => this.#do(plan));
  }

  async #do({ retries }: RetryPlan): Promise<RetryResult> {
    const those = retries.map(({ candidate }) => candidate);
    const due = new Set(
      (await makeDue(this.#sql, those)).map((each) => keyOf(each.tenant, each.operationId)),
    );
    const isDue = ({ candidate }: RetryPlan['retries'][number]): boolean =>
      due.has(keyOf(candidate.tenant, candidate.operationId));
    const left = retries.filter((each) => !isDue(each)).map(({ candidate }) => candidate);
    const now = await reloadCandidates(this.#sql, left);
    const byKey = new Map(now.candidates.map((each) => [keyOf(each.tenant, each.operationId), each]));
    return {
      doneAt: iso(this.#nowMs()),
      due: retries.filter(isDue).map(({ candidate: { operationId }, does }) => ({ operationId, does })),
      refused: left.map(({ tenant, operationId }) => {
        const found = byKey.get(keyOf(tenant, operationId));
        if (found === undefined) return { operationId, reason: 'it is gone: it was settled a day ago' };
        const judgement = judgeRetry(found, now.nowMs ?? this.#nowMs());
        const reason = judgement.kind === 'refuse' ? judgement.reason : 'it changed meanwhile: look again';
        return { operationId, reason };
      }),
    };
  }
}
