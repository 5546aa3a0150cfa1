import type { HttpClient, HttpResult } from '../../clients/http/http.ts';
import { operationSchema, tenantHeader } from '../../contract/http.ts';
import { reasonOf } from '../../core/error.ts';
import type { ApiRead } from '../../load/final-reads.ts';

const CONCURRENCY = 32;
const TRIES = 3;
const NOT_IN_TIME: ApiRead = { kind: 'noAnswer', reason: 'not asked for in time' };

/**
 * Asks the API for every operation, spread over the gateways; an error says nothing about what is there, and nor does
 * one that was not asked for within the deadline of all.
 */
export async function readApi(request: {
  readonly http: HttpClient;
  readonly gateways: readonly string[];
  readonly tenant: string;
  readonly eventIds: readonly string[];
  readonly deadlineMs: number;
}): Promise<ReadonlyMap<string, ApiRead>> {
  const { eventIds, deadlineMs } = request;
  const answers = new Map<string, ApiRead>();
  const endsMs = performance.now() + deadlineMs;
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < eventIds.length; index = next++) {
      const eventId = eventIds[index];
      if (eventId === undefined) continue;
      const late = performance.now() >= endsMs;
      answers.set(eventId, late ? NOT_IN_TIME : await ask(request, eventId, index));
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return answers;
}

async function ask(
  { http, gateways, tenant }: { http: HttpClient; gateways: readonly string[]; tenant: string },
  eventId: string,
  index: number,
): Promise<ApiRead> {
  let answer: ApiRead = { kind: 'noAnswer', reason: 'no gateway' };
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const origin = gateways[(index + attempt) % gateways.length];
    if (origin === undefined) return answer;
    const headers = { [tenantHeader]: tenant };
    const path = `/v1/operations/${eventId}`;
    answer = readAnswer(await http.request({ origin, method: 'GET', path, headers }));
    if (answer.kind !== 'noAnswer') return answer;
  }
  return answer;
}

/** Pure: what an answer of `GET /v1/operations/:id` says. */
export function readAnswer(result: HttpResult): ApiRead {
  if (result.kind === 'failed') return { kind: 'noAnswer', reason: result.reason };
  if (result.status === 404) return { kind: 'notFound' };
  if (result.status !== 200) return { kind: 'noAnswer', reason: `status ${result.status}` };
  try {
    const { decision, reservationId } = operationSchema.parse(JSON.parse(result.body));
    return { kind: 'operation', decision, reservationId };
  } catch (error) {
    return { kind: 'noAnswer', reason: `not an operation: ${reasonOf(error)}` };
  }
}
