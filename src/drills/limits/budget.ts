import { z } from 'zod';
import type { HttpClient, HttpResult } from '../../clients/http/http.ts';
import { parseJson } from '../../core/json.ts';

/** What a Prometheus said of the error budget: the share that is left (below 0: overspent), or why it said nothing. */
export type BudgetAnswer =
  | { readonly kind: 'share'; readonly share: number }
  | { readonly kind: 'noData'; readonly why: string };

export interface BudgetQuery {
  /** Where the HTTP API begins, without `/api/v1`; a path before it is kept. */
  readonly url: string;
  /** PromQL. */
  readonly query: string;
  /** Sent as a bearer token; never told to anybody else. */
  readonly token: string | undefined;
  readonly timeoutMs: number;
}

/** Asks once: an instant query (GET /api/v1/query), https://prometheus.io/docs/prometheus/latest/querying/api/ */
export async function askBudget(http: HttpClient, ask: BudgetQuery): Promise<BudgetAnswer> {
  const { url, query, token, timeoutMs } = ask;
  const base = new URL(url);
  const asked = new URLSearchParams({ query, timeout: `${timeoutMs}ms` });
  return readBudget(
    await http.request({
      origin: base.origin,
      method: 'GET',
      path: `${base.pathname.replace(/\/+$/, '')}/api/v1/query?${asked}`,
      headers: {
        accept: 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      timeoutMs,
    }),
  );
}

/** Seconds since the epoch, and the value as text: numbers of Prometheus can be NaN and Inf, which JSON has not. */
const sample = z.tuple([z.number(), z.string()]);
const success = z.object({
  status: z.literal('success'),
  data: z.discriminatedUnion('resultType', [
    z.object({ resultType: z.literal('scalar'), result: sample }),
    z.object({ resultType: z.literal('vector'), result: z.array(z.object({ value: sample })) }),
  ]),
});
const failure = z.object({ status: z.literal('error'), error: z.string() });

const MOST_WORDS = 200;

/** Pure: what an answer of the HTTP API says. Only one number that can be a share is data. */
export function readBudget(result: HttpResult): BudgetAnswer {
  if (result.kind === 'failed') return noData(result.reason);
  const body = parseJson(result.body);
  const failed = failure.safeParse(body);
  if (failed.success) return noData(`Prometheus answered: ${failed.data.error.slice(0, MOST_WORDS)}`);
  if (result.status !== 200) return noData(`status ${result.status}`);
  const read = success.safeParse(body);
  if (!read.success) return noData('the answer is no scalar and no vector of Prometheus');
  const { data } = read.data;
  const samples = data.resultType === 'scalar' ? [data.result] : data.result.map(({ value }) => value);
  const [only] = samples;
  if (only === undefined) return noData('the query gave no sample');
  if (samples.length > 1) return noData(`the query gave ${samples.length} samples; one is needed`);
  return shareOf(only[1]);
}

function shareOf(text: string): BudgetAnswer {
  const share = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(share)) return noData(`the query gave ${text.slice(0, MOST_WORDS) || 'nothing'}`);
  // Per cent would pass any minimum.
  if (share > 1) return noData(`the query gave ${share}: a share is at most 1`);
  return { kind: 'share', share };
}

const noData = (why: string): BudgetAnswer => ({ kind: 'noData', why });
