import type { InRecord, OutRecord, PartitionBounds, Produce, Read } from '../clients/kafka/ports.ts';
import { originKey } from '../contract/dead-letter.ts';
import { UpliftError } from '../core/error.ts';
import { readSlices, type Slice } from '../facts/kafka/slices.ts';
import { batchesOf } from './batches.ts';
import { replayOf, seeLetter } from './letters.ts';
import type { PlannedLetter, RefusedLetter, ReplayPlan } from './plan.ts';
import { foldReplays, type ReplaySeen } from './target-scan.ts';

export interface ReplayContext {
  readonly plan: ReplayPlan;
  readonly read: Pick<Read, 'bounds' | 'open'>;
  readonly produce: Pick<Produce, 'send'>;
  /** One request. */
  readonly requestTimeoutMs: number;
  /** Longest look at the target log, and longest read of one batch of letters. */
  readonly readTimeoutMs: number;
  /** Counts what happens, also for a run that is stopped half way. */
  readonly tally: ReplayTally;
}

/** What has been done so far. */
export interface ReplayTally {
  sent: number;
  readonly refused: RefusedLetter[];
  /** Replays of planned letters that stand in the target log, by `letterId`; whoever wrote them. */
  readonly found: Map<string, readonly ReplaySeen[]>;
  /** Planned letters whose replay stood there before this run sent anything for them. */
  readonly already: Set<string>;
}

export const newTally = (): ReplayTally => ({ sent: 0, refused: [], found: new Map(), already: new Set() });

const SEND_DEADLINE_MS = 30_000;

/** Where a planned letter stands, as `partition/offset`. */
export const letterId = ({ partition, offset }: Pick<PlannedLetter, 'partition' | 'offset'>): string =>
  `${partition}/${offset}`;

export function lettersOf(plan: ReplayPlan, partition: number): PlannedLetter[] {
  return plan.letters.filter((letter) => letter.partition === partition);
}

/**
 * Replays the planned letters of one dead letter partition: looks whose replay the target log has received since the
 * plan, reads each of the others again and compares it with what was reviewed, and sends batch by batch. A stop takes
 * effect between two batches. Without `send` everything happens but the sending.
 */
export async function replayPartition(
  context: ReplayContext,
  partition: number,
  options: { readonly replayId: string; readonly send: boolean; readonly signal: AbortSignal },
): Promise<void> {
  const { plan, tally } = context;
  const letters = lettersOf(plan, partition);
  await findReplays(context, letters, options.signal);
  for (const letter of letters) if (tally.found.has(letterId(letter))) tally.already.add(letterId(letter));
  const left = letters.filter((letter) => !tally.found.has(letterId(letter)));
  const there = await stillThere(context, partition, left);
  for (const { targetPartition, letters: wanted } of batchesOf(there, plan.target.maxMessageBytes)) {
    options.signal.throwIfAborted();
    const records = await readAgain(context, wanted, options);
    if (records.length === 0) continue;
    if (options.send) {
      const batch = { topic: plan.target.topic, partition: targetPartition, records };
      await context.produce.send(batch, { deadlineMs: SEND_DEADLINE_MS });
    }
    tally.sent += records.length;
  }
}

/** Refuses the letters that retention has taken: a reader never skips what it was asked for. */
async function stillThere(
  { plan, read, requestTimeoutMs, tally }: ReplayContext,
  partition: number,
  letters: readonly PlannedLetter[],
): Promise<PlannedLetter[]> {
  const bounds = await read.bounds([plan.dlq.topic], { timeoutMs: requestTimeoutMs });
  const now = bounds.find((bound) => bound.partition === partition && bound.topicId === plan.dlq.topicId);
  return letters.filter(({ offset }) => {
    const there = now !== undefined && offset >= now.startOffset && offset < now.endOffset;
    if (!there) tally.refused.push({ partition, offset, reason: gone(plan) });
    return there;
  });
}

const gone = (plan: ReplayPlan): string => `is not in ${plan.dlq.topic} any more`;

/** The records to send for these letters; one that is not what was reviewed is refused and left out. */
async function readAgain(
  { plan, read, readTimeoutMs, tally }: ReplayContext,
  wanted: readonly PlannedLetter[],
  options: { readonly replayId: string; readonly signal: AbortSignal },
): Promise<OutRecord[]> {
  const offsets = wanted.map(({ offset }) => offset).toSorted((a, b) => (a < b ? -1 : 1));
  const partition = wanted[0]?.partition ?? 0;
  const bound = { fromOffset: offsets[0] ?? 0n, endOffset: (offsets.at(-1) ?? 0n) + 1n };
  const found = new Map<bigint, InRecord>();
  const asked = new Set(offsets);
  const { cutBy } = await readSlices({
    read,
    slices: [{ topic: plan.dlq.topic, topicId: plan.dlq.topicId, partition, ...bound }],
    add: (_, record) => {
      if (asked.has(record.offset)) found.set(record.offset, record);
    },
    limits: { timeoutMs: readTimeoutMs, signal: options.signal },
  });
  if (cutBy !== null)
    throw new UpliftError('UPL-DEADLINE', {
      message: `${plan.dlq.topic}/${partition}: the letters could not be read again within ${readTimeoutMs} ms`,
    });
  return wanted.flatMap((letter): OutRecord[] => {
    const record = found.get(letter.offset);
    const reason = whyNotSent(plan, letter, record);
    if (reason !== null) tally.refused.push({ partition, offset: letter.offset, reason });
    const { letter: said } = record === undefined ? { letter: null } : seeLetter(partition, record);
    return record === undefined || said === null || reason !== null
      ? []
      : [replayOf(record, said, options.replayId)];
  });
}

/** Why what stands at a letter's place now is not sent; null when it is what was reviewed. Pure. */
export function whyNotSent(
  plan: ReplayPlan,
  letter: PlannedLetter,
  record: InRecord | undefined,
): string | null {
  if (record === undefined) return gone(plan);
  const now = seeLetter(letter.partition, record);
  const { origin, attempt } = now.letter ?? {};
  const same =
    now.sha256 === letter.sha256 &&
    attempt === letter.attempt &&
    origin?.topicId === plan.target.topicId &&
    origin.partition === letter.origin.partition &&
    origin.offset === letter.origin.offset;
  return same ? now.cannotCarry : 'holds something else than was reviewed';
}

/**
 * Looks at the target log from the ends that the plan captured to its present ends, and remembers whose replays stand
 * there. Throws as `sinceThePlan`, and UPL-DEADLINE when the end was not reached.
 */
export async function findReplays(
  context: ReplayContext,
  letters: readonly PlannedLetter[],
  signal: AbortSignal,
): Promise<void> {
  const { plan, read, tally, requestTimeoutMs, readTimeoutMs } = context;
  const slices = sinceThePlan(
    plan,
    letters,
    await read.bounds([plan.target.topic], { timeoutMs: requestTimeoutMs }),
  );
  const fold = foldReplays();
  const done = await readSlices({
    read,
    slices,
    add: fold.add,
    limits: { timeoutMs: readTimeoutMs, signal },
  });
  if (done.cutBy !== null)
    throw new UpliftError('UPL-DEADLINE', {
      message: `${plan.target.topic} was not read from the plan to its end within ${readTimeoutMs} ms: what was replayed since cannot be told`,
      next: 'the same command with a longer --read-timeout, or a new plan',
    });
  for (const letter of letters) {
    const key = originKey({ topicId: plan.target.topicId, ...letter.origin });
    const own = (fold.replays.get(key) ?? []).filter(({ attempt }) => attempt >= letter.attempt);
    if (own.length > 0) tally.found.set(letterId(letter), own);
  }
}

/**
 * What the target partitions of these letters have received since the plan. Throws UPL-PLAN-STALE when the log no longer
 * reaches back to it. Pure.
 */
export function sinceThePlan(
  plan: ReplayPlan,
  letters: readonly PlannedLetter[],
  now: readonly PartitionBounds[],
): Slice[] {
  const partitions = new Set(letters.map(({ origin }) => origin.partition));
  return now
    .filter(({ partition }) => partitions.has(partition))
    .map(({ startOffset, ...bound }) => {
      const planned = plan.target.bounds.find(({ partition }) => partition === bound.partition);
      if (planned === undefined || bound.topicId !== plan.target.topicId || startOffset > planned.endOffset)
        throw stale(plan, bound.partition);
      return { ...bound, fromOffset: planned.endOffset };
    });
}

function stale(plan: ReplayPlan, partition: number): UpliftError {
  return new UpliftError('UPL-PLAN-STALE', {
    message: `${plan.target.topic}/${partition} no longer reaches back to when the plan was made: what was replayed since cannot be told.`,
    next: `uplift dlq plan ${plan.dlq.topic} --out <file>`,
  });
}
