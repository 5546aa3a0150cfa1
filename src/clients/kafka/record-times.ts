import { reasonOf } from '../../core/error.ts';
import { firstRecord } from './decode.ts';
import { type FetchGot, fetchOnce } from './fetch.ts';
import type { PartitionOffset, Told, TopicPartition } from './group-ports.ts';
import { askLeaders, type Directory, type Reply } from './leaders.ts';
import { refusal } from './log-edges.ts';

/** A broker blanks every first batch that does not fit, but for that of the first partition of an answer (KIP-74). */
const SIZES = [32 * 1024, 256 * 1024, 2 * 1024 * 1024] as const;
const MAX_FETCH_BYTES = 8 * 1024 * 1024;
const MAX_PER_REQUEST = 200;
const MAX_PASSES = 100;
const OFFSET_OUT_OF_RANGE = 1;

/** A position whose search stands at `offset`. */
interface Search {
  readonly index: number;
  offset: bigint;
}

/** All searches of one partition: one answer often settles several of them. */
interface Want extends TopicPartition {
  /** Lowest offset first. */
  searches: Search[];
  /** Answers in a row that settled nothing: the next one gets more room. */
  fruitless: number;
}

/** Where one answer leaves one search: settled, or to go on at an offset. */
type Step = Told<number | null> | { readonly next: bigint };

/** See `Groups.times`. Each pass asks every partition from its lowest open position on, until all are settled. */
export async function times(
  directory: Directory,
  positions: readonly PartitionOffset[],
  timeoutMs: number,
): Promise<Told<number | null>[]> {
  const endsAtMs = performance.now() + timeoutMs;
  const found: Told<number | null>[] = positions.map(() => ({ told: false, reason: 'not read in time' }));
  let open = wantsOf(positions);
  for (let pass = 0; pass < MAX_PASSES && open.length > 0; pass += 1) {
    const leftMs = endsAtMs - performance.now();
    if (leftMs <= 0) break;
    // Another partition comes first each time: the first one always gets at least one whole batch.
    const turn = pass % open.length;
    const asked = [...open.slice(turn), ...open.slice(0, turn)];
    const steps = await askOnce(directory, asked, leftMs);
    for (const [at, want] of asked.entries()) settle(want, steps[at] ?? NOT_TOLD, found);
    open = asked.filter(({ searches }) => searches.length > 0);
  }
  return found;
}

function wantsOf(positions: readonly PartitionOffset[]): Want[] {
  const indexed = positions.map((position, index) => ({ ...position, index }));
  const byPartition = Map.groupBy(indexed, ({ topic, partition }) => `${topic}/${partition}`);
  return [...byPartition.values()].flatMap((list) => {
    const [one] = list;
    if (one === undefined) return [];
    const searches = list.map(({ index, offset }) => ({ index, offset }));
    return [{ topic: one.topic, partition: one.partition, searches: inOrder(searches), fruitless: 0 }];
  });
}

const inOrder = (searches: Search[]): Search[] =>
  searches.toSorted((a, b) => (a.offset < b.offset ? -1 : Number(a.offset > b.offset)));

function askOnce(directory: Directory, wants: readonly Want[], timeoutMs: number): Promise<Told<Step[]>[]> {
  const options = { timeoutMs, maxPerRequest: MAX_PER_REQUEST };
  return askLeaders(directory, wants, options, async (to, located) => {
    const fetches = located.map(({ want, topicId, leaderEpoch }) => ({
      topicId,
      partition: want.partition,
      leaderEpoch,
      nextOffset: want.searches[0]?.offset ?? 0n,
      maxBytes: SIZES[Math.min(want.fruitless, SIZES.length - 1)] ?? SIZES[0],
    }));
    const got = await fetchOnce(to, fetches, { maxWaitMs: 0, maxBytes: MAX_FETCH_BYTES });
    const byKey = new Map(got.map((one) => [`${one.topicId}/${one.partition}`, one]));
    return located.map(({ want, topicId }) => replyOf(byKey.get(`${topicId}/${want.partition}`), want));
  });
}

function replyOf(got: FetchGot | undefined, { searches }: Want): Reply<Step[]> {
  if (got === undefined) return { kind: 'stale', reason: NOT_TOLD.reason };
  if (got.errorCode === OFFSET_OUT_OF_RANGE) {
    const value = searches.map(({ offset }, at): Step => {
      const reason = `offset ${offset} is no longer in the log`;
      return at === 0 ? { told: false, reason } : { next: offset };
    });
    return { kind: 'value', value };
  }
  if (got.errorCode !== 0) return refusal(got.errorCode);
  try {
    return { kind: 'value', value: searches.map(({ offset }) => stepOf(got, offset)) };
  } catch (error) {
    return { kind: 'refused', reason: `a batch that cannot be decoded: ${reasonOf(error)}` };
  }
}

function stepOf({ batches, highWatermark }: FetchGot, offset: bigint): Step {
  const first = firstRecord(batches, offset);
  if (!('noneBelow' in first)) {
    if (first.timestampMs < 0) return { told: false, reason: 'its records carry no timestamp' };
    return { told: true, value: first.timestampMs };
  }
  return first.noneBelow >= highWatermark ? { told: true, value: null } : { next: first.noneBelow };
}

const NOT_TOLD = { told: false, reason: 'its leader left it out of the answer' } as const;

function settle(want: Want, steps: Told<Step[]>, found: Told<number | null>[]): void {
  const before = want.searches;
  const lowest = before[0]?.offset;
  const open = before.flatMap((search, at): Search[] => {
    const step: Step = steps.told ? (steps.value[at] ?? NOT_TOLD) : steps;
    if ('next' in step) return [{ ...search, offset: step.next }];
    found[search.index] = step;
    return [];
  });
  want.searches = inOrder(open);
  const stuck = open.length === before.length && open[0]?.offset === lowest;
  want.fruitless = stuck ? want.fruitless + 1 : 0;
}
