import {
  type Connection,
  describeConfigsV4,
  describeQuorumV2,
  listPartitionReassignmentsV0,
} from '@platformatic/kafka';
import { isUpliftError } from '../../core/error.ts';
import { errorName, requestFailed, wholeAnswer } from './answers.ts';
import { Brokers } from './brokers.ts';
import { LinkError } from './link.ts';
import { describeCluster } from './metadata.ts';
import type { Cluster, ConfigEntry, QuorumState } from './ports.ts';
import { silentBrokers } from './silent.ts';
import type { KafkaTarget } from './target.ts';

const TOPIC = 2;
const BROKER = 4;
/** `config_source` of DescribeConfigs: set on this very topic, on this very broker. */
const OWN_SOURCE = { [TOPIC]: 1, [BROKER]: 2 } as const;
const UNKNOWN_TOPIC = 3;

type Timeout = { readonly timeoutMs: number };
type ConfigsWanted = Timeout & { readonly only?: readonly string[] };

/**
 * Reads of cluster state over raw requests, one connection a broker. Everything can be asked of any live broker, except
 * broker configs (each broker knows only its own); brokers that do not answer are left out of that map.
 */
export function openCluster(target: KafkaTarget): Cluster {
  const brokers = new Brokers(target);
  return {
    describe: (options) => describeCluster(brokers, options.topics, options),
    quorum: (options) => quorum(brokers, options),
    topicConfigs: (topics, options) => topicConfigs(brokers, topics, options),
    brokerConfigs: (ids, options) => brokerConfigs(brokers, ids, options),
    silent: (list, { timeoutMs }) => silentBrokers(brokers, list, timeoutMs),
    reassignments: (options) => reassignments(brokers, options),
    close: () => Promise.resolve(brokers.close()),
  };
}

async function quorum(brokers: Brokers, { timeoutMs }: Timeout): Promise<QuorumState> {
  const asked = [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }];
  const answer = await brokers.any('describe the controller quorum', { timeoutMs }, (to) =>
    describeQuorumV2.api.async(to, asked),
  );
  const partition = answer.topics[0]?.partitions[0];
  if (partition === undefined)
    throw requestFailed('describe the controller quorum', new Error('empty answer'));
  return {
    leaderId: partition.leaderId,
    leaderEpoch: partition.leaderEpoch,
    voters: partition.currentVoters.map((voter) => ({
      id: voter.replicaId,
      logEndOffset: voter.logEndOffset,
      lastCaughtUpMs: Number(voter.lastCaughtUpTimestamp),
    })),
  };
}

interface Described {
  readonly errorCode: number;
  readonly entries: readonly ConfigEntry[];
}

async function describeConfigs(
  connection: Connection,
  type: typeof TOPIC | typeof BROKER,
  names: readonly string[],
  only: readonly string[] | undefined,
): Promise<Map<string, Described>> {
  const wanted = only === undefined ? {} : { configurationKeys: [...only] };
  const resources = names.map((name) => ({ resourceType: type, resourceName: name, ...wanted }));
  const answer = await wholeAnswer(describeConfigsV4.api.async(connection, resources));
  return new Map(
    answer.results.map((result) => [
      result.resourceName,
      {
        errorCode: result.errorCode,
        entries: result.configs.map(({ name, value, configSource }) => ({
          name,
          value: value ?? null,
          own: configSource === OWN_SOURCE[type],
        })),
      },
    ]),
  );
}

/** Topics that do not exist are left out, as in `describe`. */
async function topicConfigs(
  brokers: Brokers,
  topics: readonly string[],
  { timeoutMs, only }: ConfigsWanted,
): Promise<ReadonlyMap<string, readonly ConfigEntry[]>> {
  if (topics.length === 0) return new Map();
  const described = await brokers.any('describe topic configs', { timeoutMs }, (to) =>
    describeConfigs(to, TOPIC, topics, only),
  );
  const found = new Map<string, readonly ConfigEntry[]>();
  for (const [name, { errorCode, entries }] of described) {
    if (errorCode === UNKNOWN_TOPIC) continue;
    if (errorCode !== 0)
      throw requestFailed(`describe the configs of ${name}`, new Error(errorName(errorCode)));
    found.set(name, entries);
  }
  return found;
}

async function brokerConfigs(
  brokers: Brokers,
  ids: readonly number[],
  { timeoutMs, only }: ConfigsWanted,
): Promise<ReadonlyMap<number, readonly ConfigEntry[]>> {
  const endsAtMs = performance.now() + timeoutMs;
  const { brokers: alive } = await describeCluster(brokers, [], { timeoutMs });
  const leftMs = Math.max(1, Math.min(endsAtMs - performance.now(), brokers.target.requestTimeoutMs));
  const asked = alive
    .filter((broker) => ids.includes(broker.id))
    .map(async (broker) => {
      try {
        const name = String(broker.id);
        const link = brokers.link(`${broker.host}:${broker.port}`);
        const answer = await link.request((to) => describeConfigs(to, BROKER, [name], only), leftMs);
        const described = answer.get(name);
        if (described === undefined || described.errorCode !== 0) {
          throw requestFailed(
            `describe the configs of broker ${name}`,
            new Error(errorName(described?.errorCode ?? -1)),
          );
        }
        return [broker.id, described.entries] as const;
      } catch (error) {
        if (error instanceof LinkError) return undefined;
        throw isUpliftError(error)
          ? error
          : requestFailed(`describe the configs of broker ${broker.id}`, error);
      }
    });
  return new Map((await Promise.all(asked)).filter((entry) => entry !== undefined));
}

async function reassignments(brokers: Brokers, { timeoutMs }: Timeout): Promise<readonly string[]> {
  const answer = await brokers.any('list reassignments', { timeoutMs }, (to) =>
    listPartitionReassignmentsV0.api.async(to, timeoutMs, null),
  );
  return answer.topics.flatMap((topic) =>
    topic.partitions.map((one) => `${topic.name}/${one.partitionIndex}`),
  );
}
