import { alterPartitionReassignmentsV0, createAPI, createTopicsV7, Writer } from '@platformatic/kafka';
import { AskAnother, errorName, requestFailed, wholeAnswer } from './answers.ts';
import { Brokers } from './brokers.ts';
import type { TopicResult, TopicSpec, Topics } from './ports.ts';
import type { KafkaTarget } from './target.ts';

const NOT_CONTROLLER = 41;
const ELECTION_NOT_NEEDED = 84;
const PREFERRED = 0;

/** Changes to topics and leadership. The caller closes it; it holds one connection a broker. */
export function openTopics(target: KafkaTarget): Topics & { close(): Promise<void> } {
  const brokers = new Brokers(target);
  return {
    create: (specs, options) => create(brokers, specs, options),
    reassign: (partitions, options) => reassign(brokers, partitions, options),
    electPreferred: (partitions, options) => electPreferred(brokers, partitions, options),
    close: () => Promise.resolve(brokers.close()),
  };
}

/**
 * One CreateTopics request (v7) for all topics; in KRaft any broker passes it on to the controller. A request whose
 * answer was lost is not repeated (UPL-KAFKA-REQUEST says so): a repeat would report our own topics as foreign ones.
 */
async function create(
  brokers: Brokers,
  specs: readonly TopicSpec[],
  options: { readonly validateOnly: boolean; readonly timeoutMs: number },
): Promise<TopicResult[]> {
  if (specs.length === 0) return [];
  const { timeoutMs, validateOnly } = options;
  const wanted = specs.map((spec) => ({
    name: spec.name,
    // With an assignment Kafka wants -1 for both counts.
    numPartitions: -1,
    replicationFactor: -1,
    assignments: spec.assignment.map((brokerIds, partitionIndex) => ({
      partitionIndex,
      brokerIds: [...brokerIds],
    })),
    configs: Object.entries(spec.configs).map(([name, value]) => ({ name, value })),
  }));
  const ask = { timeoutMs, tryTimeoutMs: timeoutMs, repeatable: validateOnly };
  const answer = await brokers.any('create topics', ask, async (connection) => {
    const whole = await wholeAnswer(createTopicsV7.api.async(connection, wanted, timeoutMs, validateOnly));
    if (whole.topics.some((topic) => topic.errorCode === NOT_CONTROLLER))
      throw new AskAnother('NOT_CONTROLLER');
    return whole;
  });
  const byName = new Map(answer.topics.map((topic) => [topic.name, topic]));
  return specs.map(({ name }) => {
    const topic = byName.get(name);
    if (topic === undefined)
      return { name, error: 'UNKNOWN_SERVER_ERROR', message: 'the answer does not name this topic' };
    return {
      name,
      error: topic.errorCode === 0 ? null : errorName(topic.errorCode),
      message: topic.errorMessage ?? null,
    };
  });
}

/** One AlterPartitionReassignments request (v0) for all partitions. */
async function reassign(
  brokers: Brokers,
  partitions: Parameters<Topics['reassign']>[0],
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<{ topic: string; partition: number; error: string | null }[]> {
  if (partitions.length === 0) return [];
  const wanted = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, list]) => ({
    name,
    partitions: list.map(({ partition, replicas }) => ({
      partitionIndex: partition,
      replicas: [...replicas],
    })),
  }));
  const ask = { timeoutMs, tryTimeoutMs: timeoutMs };
  const answer = await brokers.any('reassign partitions', ask, async (connection) => {
    const whole = await wholeAnswer(
      alterPartitionReassignmentsV0.api.async(connection, timeoutMs, false, wanted),
    );
    if (whole.errorCode === NOT_CONTROLLER) throw new AskAnother('NOT_CONTROLLER');
    return whole;
  });
  if (answer.errorCode !== 0)
    throw requestFailed('reassign partitions', new Error(errorName(answer.errorCode)));
  const codes = new Map(
    answer.responses.flatMap((topic) =>
      topic.partitions.map((each) => [`${topic.name}/${each.partitionIndex}`, each.errorCode] as const),
    ),
  );
  return partitions.map(({ topic, partition }) => {
    const code = codes.get(`${topic}/${partition}`);
    if (code === 0) return { topic, partition, error: null };
    return { topic, partition, error: code === undefined ? 'UNKNOWN_SERVER_ERROR' : errorName(code) };
  });
}

interface Election {
  readonly errorCode: number;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number; readonly errorCode: number }[];
  }[];
}

/**
 * ElectLeaders v2 (key 43, KIP-460):
 *   request  => election_type INT8, [topic COMPACT_STRING, [partition INT32] TAG] , timeout_ms INT32, TAG
 *   response => throttle_time_ms INT32, error_code INT16, [topic, [partition INT32, error_code INT16, message] TAG], TAG
 */
const electLeadersV2 = createAPI<[type: number, topics: [string, number[]][], timeoutMs: number], Election>(
  43,
  2,
  (type: number, topics: [string, number[]][], timeoutMs: number) =>
    Writer.create()
      .appendInt8(type)
      .appendArray(topics, (w, [topic, partitions]) =>
        w
          .appendString(topic)
          .appendArray(partitions, (inner, partition) => inner.appendInt32(partition), true, false),
      )
      .appendInt32(timeoutMs)
      .appendTaggedFields(),
  (_correlationId, _key, _version, reader) => {
    reader.readInt32();
    const errorCode = reader.readInt16();
    const topics = reader.readArray((r) => ({
      topic: r.readString(),
      partitions: r.readArray((p) => {
        const result = { partition: p.readInt32(), errorCode: p.readInt16() };
        p.readNullableString();
        return result;
      }),
    }));
    return { errorCode, topics };
  },
);

/** One ElectLeaders request for all partitions. */
async function electPreferred(
  brokers: Brokers,
  partitions: readonly { readonly topic: string; readonly partition: number }[],
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<{ topic: string; partition: number; result: string }[]> {
  if (partitions.length === 0) return [];
  const byTopic = Map.groupBy(partitions, (one) => one.topic);
  const wanted = [...byTopic].map(([topic, list]): [string, number[]] => [
    topic,
    list.map((one) => one.partition),
  ]);
  const ask = { timeoutMs, tryTimeoutMs: timeoutMs };
  const answer = await brokers.any('elect preferred leaders', ask, async (connection) => {
    const election = await electLeadersV2.async(connection, PREFERRED, wanted, timeoutMs);
    if (election.errorCode === NOT_CONTROLLER) throw new AskAnother('NOT_CONTROLLER');
    return election;
  });
  if (answer.errorCode !== 0)
    throw requestFailed('elect preferred leaders', new Error(errorName(answer.errorCode)));
  const results = new Map(
    answer.topics.flatMap((t) =>
      t.partitions.map((p) => [`${t.topic}/${p.partition}`, p.errorCode] as const),
    ),
  );
  return partitions.map(({ topic, partition }) => {
    const code = results.get(`${topic}/${partition}`);
    return { topic, partition, result: code === undefined ? 'UNKNOWN_SERVER_ERROR' : electionResult(code) };
  });
}

function electionResult(code: number): string {
  if (code === 0) return 'elected';
  return code === ELECTION_NOT_NEEDED ? 'notNeeded' : errorName(code);
}
