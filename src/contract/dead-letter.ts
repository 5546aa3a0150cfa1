/**
 * What a dead letter and a replayed record look like in Kafka, so that whoever writes dead letters (the projector, or a
 * consumer of one's own) and whoever replays them agree. Headers are an ordered list of (key, value); values are UTF-8.
 *
 * A dead letter keeps key, value and headers of the record as they were, in their order, and appends DEAD_LETTER_HEADERS.
 * A replayed record is the dead letter without those, plus REPLAY_HEADERS. The identity of a dead letter is where the
 * record first stood (its origin): it survives any number of replays, and tells two copies of one letter from two letters.
 */
export type RecordHeaders = readonly (readonly [key: Buffer, value: Buffer | null])[];

/** Appended to a dead letter, in this order. */
export const DEAD_LETTER_HEADERS = {
  originTopic: 'uplift-dlq-origin-topic',
  originTopicId: 'uplift-dlq-origin-topic-id',
  originPartition: 'uplift-dlq-origin-partition',
  originOffset: 'uplift-dlq-origin-offset',
  originTimestampMs: 'uplift-dlq-origin-timestamp-ms',
  errorCode: 'uplift-dlq-error-code',
  errorMessage: 'uplift-dlq-error-message',
  attempt: 'uplift-dlq-attempt',
  failedBy: 'uplift-dlq-failed-by',
  failedAtMs: 'uplift-dlq-failed-at-ms',
} as const;

/** Appended to a replayed record, in this order. `origin` is `<topic id>/<partition>/<offset>`. */
export const REPLAY_HEADERS = {
  id: 'uplift-replay-id',
  origin: 'uplift-replay-origin',
  originTopic: 'uplift-replay-origin-topic',
  originTimestampMs: 'uplift-replay-origin-timestamp-ms',
  attempt: 'uplift-replay-attempt',
} as const;

/** Topic of the dead letters of a topic; they stand in the partition of the same number. */
export const dlqOf = (topic: string): string => `${topic}.dlq`;

/**
 * Origin topic of a command whose append ended without an answer and that was given up: it has no offset that anybody
 * knows. Its topic id is then the event id, its offset the number of the entry that was kept of it, its timestamp when it
 * was issued. The name is that of no Kafka topic on purpose: such a letter is never replayed (it would be decided
 * expired); whoever sent the request sends it again under the same idempotency key.
 */
export const UNKNOWN_ORIGIN_TOPIC = 'uplift_service.unknown_outcomes';

/** Where a record first stood. */
export interface Origin {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestampMs: number;
}

/** Why a record was put aside. `code` is stable and can be grouped by; `message` is for people. */
export interface DeadLetter {
  readonly origin: Origin;
  readonly errorCode: string;
  readonly errorMessage: string;
  /** 1 for the first time, one more each time a replay of it failed. */
  readonly attempt: number;
  readonly failedBy: string;
  readonly failedAtMs: number;
}

/** What a replayed record says of itself. `attempt` is that of the dead letter it was made from. */
export interface Replay {
  readonly id: string;
  readonly origin: Origin;
  readonly attempt: number;
}

/** `<topic id>/<partition>/<offset>`: equal for every copy of one dead letter. */
export function originKey({
  topicId,
  partition,
  offset,
}: Pick<Origin, 'topicId' | 'partition' | 'offset'>): string {
  return `${topicId}/${partition}/${offset}`;
}

const OURS = new Set<string>([...Object.values(DEAD_LETTER_HEADERS), ...Object.values(REPLAY_HEADERS)]);

/** The headers a record had before anything was put aside or replayed, in their order. */
export function originalHeaders(headers: RecordHeaders): RecordHeaders {
  return headers.filter(([key]) => !OURS.has(key.toString('utf8')));
}

const utf8 = (text: string): Buffer => Buffer.from(text, 'utf8');
const REPLAY_ID = utf8(REPLAY_HEADERS.id);

/** Headers of the dead letter of a record. A replayed record that fails again keeps its first origin. */
export function deadLetterHeaders(headers: RecordHeaders, letter: DeadLetter): RecordHeaders {
  const { origin } = letter;
  const values: Readonly<Record<keyof typeof DEAD_LETTER_HEADERS, string>> = {
    originTopic: origin.topic,
    originTopicId: origin.topicId,
    originPartition: String(origin.partition),
    originOffset: String(origin.offset),
    originTimestampMs: String(origin.timestampMs),
    errorCode: letter.errorCode,
    errorMessage: letter.errorMessage,
    attempt: String(letter.attempt),
    failedBy: letter.failedBy,
    failedAtMs: String(letter.failedAtMs),
  };
  return [...originalHeaders(headers), ...appended(DEAD_LETTER_HEADERS, values)];
}

/** Headers of the record that replays a dead letter: the original ones, then the replay's. */
export function replayHeaders(headers: RecordHeaders, replay: Replay): RecordHeaders {
  const { origin } = replay;
  const values: Readonly<Record<keyof typeof REPLAY_HEADERS, string>> = {
    id: replay.id,
    origin: originKey(origin),
    originTopic: origin.topic,
    originTimestampMs: String(origin.timestampMs),
    attempt: String(replay.attempt),
  };
  return [...originalHeaders(headers), ...appended(REPLAY_HEADERS, values)];
}

function appended<N extends string>(
  names: Readonly<Record<N, string>>,
  values: Readonly<Record<N, string>>,
): RecordHeaders {
  return (Object.keys(names) as N[]).map((name) => [utf8(names[name]), utf8(values[name])] as const);
}

/** What the headers of a dead letter say, or undefined when they are not ours or not whole. */
export function readDeadLetter(headers: RecordHeaders): DeadLetter | undefined {
  const text = textOf(headers, DEAD_LETTER_HEADERS);
  const origin = originFrom(
    text.originTopic,
    text.originTopicId,
    text.originPartition,
    text.originOffset,
    text.originTimestampMs,
  );
  const attempt = wholeNumber(text.attempt);
  const failedAtMs = wholeNumber(text.failedAtMs);
  const { errorCode, errorMessage, failedBy } = text;
  if (origin === undefined || attempt === undefined || failedAtMs === undefined) return undefined;
  if (errorCode === undefined || errorMessage === undefined || failedBy === undefined) return undefined;
  return { origin, errorCode, errorMessage, attempt, failedBy, failedAtMs };
}

/** What the headers of a replayed record say, or undefined for a record that was not replayed. */
export function readReplay(headers: RecordHeaders): Replay | undefined {
  // Asked of every event, and true of hardly any.
  if (!headers.some(([key]) => key.length === REPLAY_ID.length && key.equals(REPLAY_ID))) return undefined;
  const text = textOf(headers, REPLAY_HEADERS);
  const [topicId, partition, offset, more] = text.origin?.split('/') ?? [];
  const origin = originFrom(text.originTopic, topicId, partition, offset, text.originTimestampMs);
  const attempt = wholeNumber(text.attempt);
  if (text.id === undefined || origin === undefined || attempt === undefined || more !== undefined)
    return undefined;
  return { id: text.id, origin, attempt };
}

/** The last value of each named header, as text. */
function textOf<N extends string>(
  headers: RecordHeaders,
  names: Readonly<Record<N, string>>,
): Partial<Record<N, string>> {
  const found: Partial<Record<N, string>> = {};
  const byName = new Map((Object.keys(names) as N[]).map((name) => [names[name], name] as const));
  for (const [key, value] of headers) {
    const name = byName.get(key.toString('utf8'));
    if (name !== undefined && value !== null) found[name] = value.toString('utf8');
  }
  return found;
}

function originFrom(
  topic: string | undefined,
  topicId: string | undefined,
  partitionText: string | undefined,
  offsetText: string | undefined,
  timestampText: string | undefined,
): Origin | undefined {
  const partition = wholeNumber(partitionText);
  const timestampMs = wholeNumber(timestampText);
  if (topic === undefined || topicId === undefined || topicId === '' || partition === undefined)
    return undefined;
  if (timestampMs === undefined || offsetText === undefined || !/^\d{1,19}$/.test(offsetText))
    return undefined;
  return { topic, topicId, partition, offset: BigInt(offsetText), timestampMs };
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
