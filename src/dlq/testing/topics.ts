import type { InRecord, PartitionBounds } from '../../clients/kafka/ports.ts';
import {
  type DeadLetter,
  deadLetterHeaders,
  dlqOf,
  type RecordHeaders,
  replayHeaders,
} from '../../contract/dead-letter.ts';
import type { Slice } from '../../facts/kafka/slices.ts';
import type { DlqFacts } from '../facts.ts';
import { type LetterSeen, letterKey, seeLetter } from '../letters.ts';
import { byTargetPartition, coverageOf, foldReplays, keyIn, scanSlices, sinceMs } from '../target-scan.ts';

export const TARGET = 'orders';
export const TARGET_ID = '11111111-1111-1111-1111-111111111111';
export const DLQ_ID = '22222222-2222-2222-2222-222222222222';
export const PARTITIONS = 2;

/** Both topics as flat lists: index = offset. Records below `start` are gone. */
export interface Topics {
  readonly dlq: InRecord[][];
  readonly target: InRecord[][];
  readonly dlqStart: number[];
  readonly targetStart: number[];
}

export function emptyTopics(): Topics {
  const logs = (): InRecord[][] => Array.from({ length: PARTITIONS }, () => []);
  const zeros = (): number[] => Array.from({ length: PARTITIONS }, () => 0);
  return { dlq: logs(), target: logs(), dlqStart: zeros(), targetStart: zeros() };
}

export function append(
  log: InRecord[],
  record: { key?: string | null; value?: string | null; headers?: RecordHeaders; timestampMs: number },
): InRecord {
  const bytes = (text: string | null | undefined, otherwise: string): Buffer | null =>
    text === null ? null : Buffer.from(text ?? otherwise);
  const made: InRecord = {
    offset: BigInt(log.length),
    leaderEpoch: 0,
    timestampMs: record.timestampMs,
    key: bytes(record.key, 'k'),
    value: bytes(record.value, 'v'),
    headers: record.headers ?? [],
  };
  log.push(made);
  return made;
}

export function letterOf(partition: number, offset: number, over: Partial<DeadLetter> = {}): DeadLetter {
  return {
    origin: { topic: TARGET, topicId: TARGET_ID, partition, offset: BigInt(offset), timestampMs: 0 },
    errorCode: 'constraint',
    errorMessage: 'it does not fit',
    attempt: 1,
    failedBy: 'test',
    failedAtMs: 1_000_000,
    ...over,
  };
}

export function park(
  topics: Topics,
  letter: DeadLetter,
  record: { key?: string | null; value?: string | null; headers?: RecordHeaders; timestampMs?: number } = {},
): InRecord {
  return append(topics.dlq[letter.origin.partition] ?? [], {
    timestampMs: letter.failedAtMs,
    ...record,
    headers: deadLetterHeaders(record.headers ?? [], letter),
  });
}

export function replay(topics: Topics, letter: DeadLetter, id: string, timestampMs: number): InRecord {
  const headers = replayHeaders([], { id, origin: letter.origin, attempt: letter.attempt });
  return append(topics.target[letter.origin.partition] ?? [], { headers, timestampMs });
}

function boundsOf(topic: string, topicId: string, logs: InRecord[][], start: number[]): PartitionBounds[] {
  return logs.map((log, partition) => ({
    topic,
    topicId,
    partition,
    startOffset: BigInt(start[partition] ?? 0),
    endOffset: BigInt(log.length),
    leaderEpoch: 0,
  }));
}

export interface LookOptions {
  readonly nowMs?: number;
  readonly retentionMs?: number | null;
  readonly maxMessageBytes?: number;
  readonly compacted?: boolean;
  readonly target?: boolean;
  /** Target partitions that were not read to their end. */
  readonly unreadTarget?: readonly number[];
  readonly unread?: DlqFacts['unread'];
}

/** The look as `lookAtDlq` takes it, over lists instead of brokers. */
export function look(topics: Topics, options: LookOptions = {}): DlqFacts {
  const letters = topics.dlq.flatMap((log, partition) =>
    log.slice(topics.dlqStart[partition] ?? 0).map((record) => seeLetter(partition, record)),
  );
  const dlq = boundsOf(dlqOf(TARGET), DLQ_ID, topics.dlq, topics.dlqStart);
  const target = boundsOf(TARGET, TARGET_ID, topics.target, topics.targetStart);
  return {
    region: 'local',
    clusterId: 'c1',
    observedAtMs: options.nowMs ?? 2_000_000,
    source: { dlq: dlqOf(TARGET), target: TARGET, origin: 'uplift.yaml:3', exists: true },
    dlq: {
      topic: dlqOf(TARGET),
      topicId: DLQ_ID,
      bounds: dlq,
      retentionMs: options.retentionMs === undefined ? 604_800_000 : options.retentionMs,
    },
    target:
      options.target === false
        ? null
        : {
            topic: TARGET,
            topicId: TARGET_ID,
            bounds: target,
            maxMessageBytes: options.maxMessageBytes ?? 1_048_588,
            compacted: options.compacted ?? false,
          },
    letters,
    unread: options.unread ?? null,
    scan: scanOf(topics, letters, target, options),
  };
}

function scanOf(
  topics: Topics,
  letters: readonly LetterSeen[],
  bounds: readonly PartitionBounds[],
  { unreadTarget = [] }: LookOptions,
): DlqFacts['scan'] {
  const byPartition = byTargetPartition(letters, TARGET_ID);
  const times = [...byPartition].map(([partition, own]) => {
    const fromMs = Math.min(...own.map(sinceMs));
    const start = topics.targetStart[partition] ?? 0;
    const first = (topics.target[partition] ?? []).find(
      (record) => record.offset >= start && record.timestampMs >= fromMs,
    );
    return { topic: TARGET, topicId: TARGET_ID, partition, offset: first?.offset ?? null };
  });
  const slices = scanSlices(byPartition, bounds, times);
  const keys = letters.flatMap(({ letter, key }) =>
    letter === null || key === null ? [] : [keyIn(letter.origin.partition, key)],
  );
  const fold = foldReplays(new Set(keys));
  const unread: Slice[] = [];
  for (const slice of slices) {
    if (unreadTarget.includes(slice.partition)) unread.push(slice);
    else
      for (const record of topics.target[slice.partition] ?? [])
        if (record.offset >= slice.fromOffset) fold.add(slice, record);
  }
  return {
    replays: fold.replays,
    newest: fold.newest,
    coverage: coverageOf(slices, bounds, times, { unread }, fold.firstMs),
    records: 0,
  };
}

/** One thing that happens to the topics. */
export interface Happening {
  readonly partition: number;
  readonly what: 'event' | 'park' | 'replay' | 'copy';
  readonly pick: number;
  readonly afterMs: number;
  /** How far the clock of whoever parks is off. */
  readonly skewMs: number;
}

/** Lets a list of things happen; `sent` holds the keys of the letters that were replayed. */
export function lived(steps: readonly Happening[]): { topics: Topics; sent: Set<string>; nowMs: number } {
  const topics = emptyTopics();
  const sent = new Set<string>();
  const parked: DeadLetter[] = [];
  let nowMs = 10_000_000;
  const happen: Record<Happening['what'], (step: Happening, known: DeadLetter | undefined) => void> = {
    event: ({ partition }) => void append(topics.target[partition] ?? [], { timestampMs: nowMs }),
    park: ({ partition, pick, skewMs }) => {
      const events = (topics.target[partition] ?? []).filter(({ headers }) => headers.length === 0);
      const event = events[pick % Math.max(1, events.length)];
      if (event === undefined) return;
      const letter = letterOf(partition, Number(event.offset), { failedAtMs: nowMs + skewMs });
      if (parked.some((one) => letterKey(one) === letterKey(letter))) return;
      parked.push(letter);
      // CreateTime: the same clock stamped both.
      park(topics, letter, { timestampMs: nowMs + skewMs });
    },
    replay: (_, known) => {
      if (known === undefined) return;
      replay(topics, known, 'r', nowMs);
      sent.add(letterKey(known));
    },
    copy: (_, known) => {
      if (known !== undefined) park(topics, known, { timestampMs: nowMs });
    },
  };
  for (const step of steps) {
    nowMs += step.afterMs;
    happen[step.what](step, parked[step.pick % Math.max(1, parked.length)]);
  }
  return { topics, sent, nowMs };
}
