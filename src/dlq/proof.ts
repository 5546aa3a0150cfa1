import type { Read } from '../clients/kafka/ports.ts';
import { originKey, readDeadLetter } from '../contract/dead-letter.ts';
import { isUpliftError, reasonOf } from '../core/error.ts';
import { formatMs } from '../core/units.ts';
import { waitFor } from '../core/wait.ts';
import type { AskPostgres } from '../facts/ask-postgres.ts';
import { readSlices } from '../facts/kafka/slices.ts';
import {
  type DeadLetterRow,
  hasDeadLetterView,
  readDeadLetterRows,
} from '../facts/projection/dead-letters.ts';
import { readProjected } from '../facts/projection/progress.ts';
import type { ReplayPlan } from './plan.ts';
import { judgeEnds, type ReplayEnd, type ReplayedLetter } from './proof-judge.ts';

/** How replayed letters ended, and what could not be seen of it. */
export interface ReplayProof {
  readonly ends: readonly ReplayEnd[];
  /** Why the proof is not whole; null when everything was looked at. */
  readonly open: string | null;
}

export interface ProofRequest {
  readonly plan: ReplayPlan;
  readonly letters: readonly ReplayedLetter[];
  readonly read: Pick<Read, 'bounds' | 'open'>;
  /** The region's writer; undefined: uplift.yaml names none. */
  readonly ask: AskPostgres | undefined;
  /** How long to wait for the projection. */
  readonly timeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly readTimeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Waits until the projection has passed the replayed records, then reads what it made of each. Looking fails towards
 * "not seen": what could not be read proves nothing.
 */
export async function proveReplay(request: ProofRequest): Promise<ReplayProof> {
  const { letters } = request;
  if (letters.length === 0) return { ends: [], open: null };
  const troubles: string[] = [];
  const attempt = async <T>(look: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await look();
    } catch (error) {
      request.signal.throwIfAborted();
      troubles.push(reasonOf(error));
      return otherwise;
    }
  };
  const passed = await attempt(() => waitForProjection(request, troubles), new Map<number, bigint>());
  const rows = await attempt(() => readRows(request), new Map<string, DeadLetterRow>());
  const back = await attempt(() => readBack(request), null);
  return {
    ends: judgeEnds({ letters, topicId: request.plan.target.topicId, passed, rows, back: back ?? new Map() }),
    open: troubles.length === 0 ? null : troubles.join('; '),
  };
}

/** Next offset of the projection by partition, once it has passed every replay or the time is over. */
async function waitForProjection(
  { plan, letters, ask, timeoutMs, requestTimeoutMs, signal }: ProofRequest,
  troubles: string[],
): Promise<Map<number, bigint>> {
  if (ask === undefined)
    throw new Error('uplift.yaml names no Postgres for this region: what became of the replays is not known');
  if (!(await hasDeadLetterView(ask, requestTimeoutMs)))
    throw new Error(
      'the projection has no view uplift_dead_letters: what became of the replays is not known',
    );
  const wanted = new Map<number, bigint>();
  for (const { partition, offset } of letters.flatMap(({ replays }) => replays))
    if (offset >= (wanted.get(partition) ?? -1n)) wanted.set(partition, offset);
  let passed = new Map<number, bigint>();
  const look = async (): Promise<boolean> => {
    const projected = await readProjected(ask, plan.target.topic, requestTimeoutMs);
    passed = new Map(
      projected
        .filter(({ topicId }) => topicId === plan.target.topicId)
        .map(({ partition, nextOffset }) => [partition, nextOffset]),
    );
    return [...wanted].every(([partition, offset]) => (passed.get(partition) ?? -1n) > offset);
  };
  await waitFor(look, { what: 'the projection past the replays', timeoutMs, signal }).catch(
    (error: unknown) => {
      signal.throwIfAborted();
      const last = isUpliftError(error) && error.cause !== undefined ? ` (${reasonOf(error.cause)})` : '';
      troubles.push(`the projection did not pass the replays within ${formatMs(timeoutMs)}${last}`);
    },
  );
  return passed;
}

async function readRows({
  plan,
  letters,
  ask,
  requestTimeoutMs,
}: ProofRequest): Promise<Map<string, DeadLetterRow>> {
  if (ask === undefined || !(await hasDeadLetterView(ask, requestTimeoutMs))) return new Map();
  const origins = letters.map(({ letter }) => ({
    topicId: plan.target.topicId,
    partition: letter.origin.partition,
    offset: letter.origin.offset,
  }));
  const rows = await readDeadLetterRows(ask, origins, requestTimeoutMs);
  return new Map(rows.map((row) => [originKey({ ...row, offset: row.eventOffset }), row]));
}

/** Latest attempt of each origin among the letters that came since the plan. */
async function readBack({
  plan,
  read,
  requestTimeoutMs,
  readTimeoutMs,
  signal,
}: ProofRequest): Promise<Map<string, number>> {
  const now = await read.bounds([plan.dlq.topic], { timeoutMs: requestTimeoutMs });
  const latest = new Map<string, number>();
  const { cutBy } = await readSlices({
    read,
    slices: now.map(({ startOffset, ...bound }) => {
      const planned = plan.dlq.bounds.find(({ partition }) => partition === bound.partition);
      const from = planned?.endOffset ?? startOffset;
      return { ...bound, fromOffset: from > startOffset ? from : startOffset };
    }),
    add: (_, record) => {
      const letter = readDeadLetter(record.headers);
      if (letter === undefined) return;
      const key = originKey(letter.origin);
      latest.set(key, Math.max(latest.get(key) ?? 0, letter.attempt));
    },
    limits: { timeoutMs: readTimeoutMs, signal },
  });
  if (cutBy !== null) throw new Error(`${plan.dlq.topic} was not read to its end within ${readTimeoutMs} ms`);
  return latest;
}
