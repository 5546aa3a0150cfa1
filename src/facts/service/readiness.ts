import { type Readyz, readyzSchema } from '../../contract/http.ts';
import { type Observed, observe } from '../observed.ts';

/** Fetches a URL within its own timeout. */
export type FetchText = (url: string) => Promise<{ readonly status: number; readonly body: string }>;

export interface InstanceFacts {
  readonly id: string;
  readonly url: string;
  readonly readyz: Observed<Readyz>;
}

/** Asks `/readyz` of every process. A 503 with a body is an answer; no answer, or another body, is not seen. */
export function collectReadiness(
  instances: readonly { readonly id: string; readonly url: string }[],
  fetchText: FetchText,
  nowMs: () => number,
): Promise<InstanceFacts[]> {
  return Promise.all(
    instances.map(async ({ id, url }) => ({
      id,
      url,
      readyz: await observe(nowMs, async () => {
        const { status, body } = await fetchText(new URL('/readyz', url).href);
        const answer = readyzSchema.parse(JSON.parse(body));
        return { ...answer, ready: answer.ready && status === 200 };
      }),
    })),
  );
}
