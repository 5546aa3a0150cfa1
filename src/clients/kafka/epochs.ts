import { setTimeout as delay } from 'node:timers/promises';
import { type Connection, offsetForLeaderEpochV4 } from '@platformatic/kafka';
import { errorName, requestFailed, wholeAnswer } from './answers.ts';
import type { Brokers } from './brokers.ts';
import { LinkError } from './link.ts';
import { describeCluster } from './metadata.ts';
import type { EpochEnd, EpochWant } from './ports.ts';

const CONSUMER = -1;
/** The broker does not compare: whoever leads now answers. */
const ANY_CURRENT_EPOCH = -1;
const PAUSE_MS = 200;

/**
 * OffsetForLeaderEpoch v4 (KIP-320) to the leader of each partition: one Metadata request, then one request per leader;
 * partitions without an answer are asked again at their new leader until `timeoutMs` is over. Each partition once a call.
 * All or nothing: throws UPL-KAFKA-REQUEST when a partition has no leader or its leader does not answer for it.
 */
export async function epochEnds(
  brokers: Brokers,
  wants: readonly EpochWant[],
  timeoutMs: number,
): Promise<EpochEnd[]> {
  const endsAtMs = performance.now() + timeoutMs;
  const leftMs = (): number => Math.max(1, endsAtMs - performance.now());
  const names = [...new Set(wants.map((want) => want.topic))];
  const found = new Map<string, EpochEnd>();
  let missing = wants;
  let reason = 'no leader';
  while (missing.length > 0) {
    const state = await describeCluster(brokers, names, { timeoutMs: leftMs() });
    const leaderOf = ({ topic, partition }: EpochWant): number => {
      const known = state.topics.find(({ name }) => name === topic);
      return known?.partitions.find((one) => one.partition === partition)?.leader ?? -1;
    };
    const asked = [...Map.groupBy(missing, leaderOf)].map(async ([leader, list]) => {
      const broker = state.brokers.find(({ id }) => id === leader);
      if (broker === undefined) return;
      const link = brokers.link(`${broker.host}:${broker.port}`);
      try {
        // Half of what is left at most: a leader that hangs must leave time to ask its successor.
        const tryMs = Math.max(1, Math.min(brokers.target.requestTimeoutMs, leftMs() / 2));
        const { ends, refused } = await link.request((to) => askLeader(to, list), tryMs);
        for (const end of ends) found.set(keyOf(end), end);
        reason = refused ?? reason;
      } catch (error) {
        if (!(error instanceof LinkError)) throw requestFailed('read the ends of leader epochs', error);
        reason = error.message;
      }
    });
    await Promise.all(asked);
    missing = wants.filter((want) => !found.has(keyOf(want)));
    if (missing.length === 0) break;
    if (leftMs() <= PAUSE_MS) {
      const what = `read where leader epochs of ${missing.length} partitions of ${names.join(', ')} end`;
      throw requestFailed(what, new Error(reason));
    }
    await delay(PAUSE_MS);
  }
  return [...found.values()];
}

/** Answers of those partitions for which this broker is the leader now, and why the others got none. */
async function askLeader(
  connection: Connection,
  wants: readonly EpochWant[],
): Promise<{ readonly ends: readonly EpochEnd[]; readonly refused: string | undefined }> {
  const topics = [...Map.groupBy(wants, (want) => want.topic)].map(([name, list]) => ({
    name,
    partitions: list.map(({ partition, leaderEpoch }) => ({
      partitionIndex: partition,
      currentLeaderEpoch: ANY_CURRENT_EPOCH,
      leaderEpoch,
    })),
  }));
  const answer = await wholeAnswer(offsetForLeaderEpochV4.api.async(connection, CONSUMER, topics));
  const ends: EpochEnd[] = [];
  let refused: string | undefined;
  for (const { topic, partitions } of answer.topics) {
    for (const { partition, errorCode, leaderEpoch, endOffset } of partitions) {
      if (errorCode === 0) ends.push({ topic, partition, leaderEpoch, endOffset });
      else refused = errorName(errorCode);
    }
  }
  return { ends, refused };
}

function keyOf({ topic, partition }: EpochWant | EpochEnd): string {
  return `${topic}/${partition}`;
}
