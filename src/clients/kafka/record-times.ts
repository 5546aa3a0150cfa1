import { reasonOf } from '../../core/error.ts';
import { firstRecord } from './decode.ts';
import { type FetchGot, fetchOnce } from './fetch.ts';
import type { PartitionOffset, Told } from './group-ports.ts';
import { askLeaders, type Directory, type Reply } from './leaders.ts';
import { refusal } from './log-edges.ts';

/** A broker blanks every first batch that does not fit, but for that of the first partition of an answer (KIP-74). */
const SIZES = [32 * 1024, 256 * 1024, 2 * 1024 * 1024, 2 * 1024 * 1024, 2 * 1024 * 1024];
const MAX_FETCH_BYTES = 8 * 1024 * 1024;
const MAX_PER_REQUEST = 200;
const OFFSET_OUT_OF_RANGE = 1;

/** Where a search stands: found, known to be empty, or to be continued at an offset. */
type Step =
  | { readonly done: true; readonly timestampMs: number | null }
  | { readonly done: false; readonly nextOffset: bigint };

/** See `Groups.times`. Each pass asks only for what the one before could not settle, with more room for its batch. */
export async function times(
  directory: Directory,
  positions: readonly PartitionOffset[],
  timeoutMs: number,
): Promise<Told<number | null>[]> {
  const endsAtMs = performance.now() + timeoutMs;
  const found: Told<number | null>[] = positions.map(() => ({ told: false, reason: 'not read in time' }));
  let open = positions.map((position, index) => ({ ...position, index }));
  for (const [pass, maxBytes] of SIZES.entries()) {
    const leftMs = endsAtMs - performance.now();
    if (open.length === 0 || leftMs <= 0) break;
    // Another partition comes first each time: the first one always gets at least one whole batch.
    const turn = pass % open.length;
    const asked = [...open.slice(turn), ...open.slice(0, turn)];
    const steps = await askLeaders(
      directory,
      asked,
      { timeoutMs: leftMs, maxPerRequest: MAX_PER_REQUEST },
      async (to, located) => {
        const wants = located.map(({ want, topicId, leaderEpoch }) => ({
          topicId,
          partition: want.partition,
          leaderEpoch,
          nextOffset: want.offset,
          maxBytes,
        }));
        const got = await fetchOnce(to, wants, { maxWaitMs: 0, maxBytes: MAX_FETCH_BYTES });
        const byKey = new Map(got.map((one) => [`${one.topicId}/${one.partition}`, one]));
        return located.map(({ want, topicId }) =>
          stepOf(byKey.get(`${topicId}/${want.partition}`), want.offset),
        );
      },
    );
    open = asked.flatMap((one, at) => {
      const step = steps[at] ?? { told: false, reason: 'not asked' };
      if (step.told && !step.value.done) return [{ ...one, offset: step.value.nextOffset }];
      found[one.index] = step.told
        ? { told: true, value: step.value.done ? step.value.timestampMs : null }
        : step;
      return [];
    });
  }
  return found;
}

function stepOf(got: FetchGot | undefined, offset: bigint): Reply<Step> {
  if (got === undefined) return { kind: 'stale', reason: 'its leader left it out of the answer' };
  if (got.errorCode === OFFSET_OUT_OF_RANGE)
    return { kind: 'refused', reason: `offset ${offset} is no longer in the log` };
  if (got.errorCode !== 0) return refusal(got.errorCode);
  try {
    const first = firstRecord(got.batches, offset);
    if ('noneBelow' in first) {
      return first.noneBelow >= got.highWatermark
        ? { kind: 'value', value: { done: true, timestampMs: null } }
        : { kind: 'value', value: { done: false, nextOffset: first.noneBelow } };
    }
    if (first.timestampMs < 0) return { kind: 'refused', reason: 'its records carry no timestamp' };
    return { kind: 'value', value: { done: true, timestampMs: first.timestampMs } };
  } catch (error) {
    return { kind: 'refused', reason: `a batch that cannot be decoded: ${reasonOf(error)}` };
  }
}
