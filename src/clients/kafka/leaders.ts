import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@platformatic/kafka';
import { isUpliftError } from '../../core/error.ts';
import { requestFailed } from './answers.ts';
import type { Brokers } from './brokers.ts';
import { reasonInWords } from './failures.ts';
import type { Told, TopicPartition } from './group-ports.ts';
import { LinkError } from './link.ts';
import { describeCluster } from './metadata.ts';
import type { ClusterState, TopicState } from './ports.ts';

/** How often a broker that says nothing is asked. */
export const ROUNDS = 3;
/** How often one that answers "not yet" is asked. */
export const PATIENT_ROUNDS = 10;
export const PAUSE_MS = 200;
/** A broker that hung once is given only this long by the requests after it. */
const DISTRUST_MS = 1000;

/** Answers of a partition's leader. `stale`: ask its present leader again. `refused`: asking again changes nothing. */
export type Reply<A> =
  | { readonly kind: 'value'; readonly value: A }
  | { readonly kind: 'stale' | 'refused'; readonly reason: string };

export interface Located<W> {
  readonly want: W;
  readonly topicId: string;
  readonly leaderEpoch: number;
}

/** Who leads what, from one Metadata answer that is asked again only when it turned out to be old. */
export class Directory {
  readonly brokers: Brokers;
  readonly #hung = new Map<number, string>();
  #state: ClusterState | undefined;
  #topics: ReadonlyMap<string, TopicState> = new Map();

  constructor(brokers: Brokers) {
    this.brokers = brokers;
  }

  async refresh(timeoutMs: number): Promise<ClusterState> {
    const state = await describeCluster(this.brokers, undefined, { timeoutMs });
    this.#topics = new Map(state.topics.map((topic) => [topic.name, topic]));
    this.#state = state;
    return state;
  }

  async state(timeoutMs: number): Promise<ClusterState> {
    return this.#state ?? (await this.refresh(timeoutMs));
  }

  locate<W extends TopicPartition>(want: W): (Located<W> & { readonly leader: number }) | undefined {
    const topic = this.#topics.get(want.topic);
    const found = topic?.partitions.find(({ partition }) => partition === want.partition);
    if (topic === undefined || found === undefined) return undefined;
    return { want, topicId: topic.id, leaderEpoch: found.leaderEpoch, leader: found.leader };
  }

  /**
   * Runs one request on one broker, by id. Never takes more than half of what is left, and little from a broker that
   * did not answer before. What goes wrong on the way becomes a reason; refused credentials throw.
   */
  async ask<T>(broker: number, leftMs: number, call: (to: Connection) => Promise<T>): Promise<Told<T>> {
    const known = this.#state?.brokers.find(({ id }) => id === broker);
    if (known === undefined) return { told: false, reason: `broker ${broker} is not registered` };
    const { requestTimeoutMs } = this.brokers.target;
    const longestMs = this.#hung.has(broker) ? DISTRUST_MS : requestTimeoutMs;
    const tryMs = Math.max(1, Math.min(longestMs, leftMs / 2));
    try {
      const value = await this.brokers.link(`${known.host}:${known.port}`).request(call, tryMs);
      this.#hung.delete(broker);
      return { told: true, value };
    } catch (error) {
      if (isUpliftError(error, 'UPL-KAFKA-AUTH')) throw error;
      if (!(error instanceof LinkError))
        return { told: false, reason: `broker ${broker}: ${requestFailed('answer', error).message}` };
      const reason = `broker ${broker}: ${reasonInWords(error)}`;
      this.#hung.set(broker, reason);
      return { told: false, reason };
    }
  }
}

/**
 * Asks the leader of every partition, all leaders side by side, and those that were not answered for again at their
 * present leader: at most three rounds within `timeoutMs`. A request holds a partition once and at most
 * `maxPerRequest` of them. The answers stand in the order of the question.
 */
export async function askLeaders<W extends TopicPartition, A>(
  directory: Directory,
  wants: readonly W[],
  options: { readonly timeoutMs: number; readonly maxPerRequest: number },
  call: (to: Connection, asked: readonly Located<W>[]) => Promise<readonly Reply<A>[]>,
): Promise<Told<A>[]> {
  const endsAtMs = performance.now() + options.timeoutMs;
  const leftMs = (): number => Math.max(1, endsAtMs - performance.now());
  const answers: Told<A>[] = wants.map(() => ({ told: false, reason: 'not asked' }));
  if (wants.length === 0) return answers;
  await directory.state(leftMs());
  let open = wants.map((want, index) => ({ want, index }));
  for (let round = 0; round < ROUNDS && open.length > 0; round += 1) {
    if (round > 0) {
      if (leftMs() <= PAUSE_MS) break;
      await delay(PAUSE_MS);
      await directory.refresh(leftMs()).catch((error: unknown) => {
        if (isUpliftError(error, 'UPL-KAFKA-AUTH')) throw error;
      });
    }
    const again: typeof open = [];
    const settle = (one: (typeof open)[number], reply: Reply<A>): void => {
      answers[one.index] =
        reply.kind === 'value' ? { told: true, value: reply.value } : { told: false, reason: reply.reason };
      if (reply.kind === 'stale') again.push(one);
    };
    const located = open.flatMap((one) => {
      const place = directory.locate(one.want);
      if (place === undefined)
        settle(one, { kind: 'stale', reason: 'the topic or partition does not exist' });
      else if (place.leader < 0) settle(one, { kind: 'stale', reason: 'the partition has no leader' });
      else return [{ ...one, place }];
      return [];
    });
    const perLeader = [...Map.groupBy(located, ({ place }) => place.leader)].map(async ([leader, list]) => {
      for (const part of requestsOf(list, options.maxPerRequest)) {
        const told = await directory.ask(leader, leftMs(), (to) =>
          call(
            to,
            part.map(({ place }) => place),
          ),
        );
        part.forEach((one, at) => {
          const missing: Reply<A> = { kind: 'stale', reason: `broker ${leader} left it out of its answer` };
          settle(one, told.told ? (told.value[at] ?? missing) : { kind: 'stale', reason: told.reason });
        });
      }
    });
    await Promise.all(perLeader);
    open = again;
  }
  return answers;
}

/** Cuts a list into requests in which no partition stands twice. */
function requestsOf<T extends { readonly want: TopicPartition }>(list: readonly T[], max: number): T[][] {
  const requests: T[][] = [];
  const used = new Map<string, number>();
  for (const one of list) {
    const key = `${one.want.topic}/${one.want.partition}`;
    let at = used.get(key) ?? 0;
    while ((requests[at]?.length ?? 0) >= max) at += 1;
    const request = requests[at] ?? [];
    request.push(one);
    requests[at] = request;
    used.set(key, at + 1);
  }
  return requests;
}
