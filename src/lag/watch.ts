import { setTimeout as delay } from 'node:timers/promises';
import type { GroupListing, Groups, Told } from '../clients/kafka/group-ports.ts';
import {
  type ConsumerLook,
  edgesOf,
  keyOf,
  type Look,
  lookOnce,
  type ProjectionSource,
  partitionsOf,
} from '../facts/groups/look.ts';
import { type Observed, observe } from '../facts/observed.ts';
import { type Beside, foldConsumer, inTurns, timeKey, type Unread, unreadOf } from './fold.ts';
import type { ConsumerFacts, LagFacts } from './types.ts';

export interface WatchRequest {
  readonly groups: Pick<Groups, 'list' | 'committed' | 'edges' | 'times' | 'requests'>;
  readonly projections: readonly ProjectionSource[];
  /** Only these groups and projections; empty: all. */
  readonly only: readonly string[];
  /** Between two looks. */
  readonly intervalMs: number;
  /** What is further behind than its tolerance and does not move is watched at least this long. */
  readonly patienceMs: number;
  readonly toleranceMs: (consumer: Pick<ConsumerLook, 'kind'>) => number;
  /** Of one question to the cluster; a look asks two of them. */
  readonly timeoutMs: number;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
  /** Called with what is still being watched, before each further look. */
  readonly onWaiting?: (names: readonly string[]) => void;
}

/** Their members keep no offsets in Kafka, or not as a group does. */
const WITHOUT_OFFSETS = new Set(['connect', 'share']);
/** Records read to learn their age, over all consumers. */
const MAX_TIMED = 1000;

/**
 * Watches every group and projection of one cluster: two looks an interval apart; after them only what is behind and
 * stands still, until it moves or `patienceMs` is over. Ages are those of the records themselves. Never throws for
 * servers that are away.
 */
export async function watchLag(request: WatchRequest): Promise<LagFacts> {
  const { groups, nowMs, timeoutMs } = request;
  const startedMs = performance.now();
  const list = await observe(nowMs, () => groups.list({ timeoutMs }));
  const done = (
    consumers: readonly ConsumerFacts[],
    cluster: LagFacts['cluster'],
    observedAtMs = nowMs(),
  ): LagFacts =>
    Object.freeze({
      observedAtMs,
      tookMs: performance.now() - startedMs,
      cluster,
      consumers,
      requests: groups.requests(),
    });
  if (!list.seen) return done(unseen(request, list), list);
  const { state, groups: listed, gaps } = list.value;
  const cluster: LagFacts['cluster'] = { ...list, value: { clusterId: state.clusterId, gaps } };
  const { wanted, absent } = chooseGroups(listed, request);
  const watch = new Watch(request, wanted);
  const consumers = await watch.run(state.topics);
  const missing = absent.map((name) => nowhere(name, gaps, nowMs()));
  return done([...consumers, ...missing], cluster);
}

/** The groups to ask for; those asked for by name that no coordinator lists are named. */
function chooseGroups(
  listed: readonly GroupListing[],
  { only, projections }: WatchRequest,
): { readonly wanted: readonly GroupListing[]; readonly absent: readonly string[] } {
  if (only.length === 0)
    return { wanted: listed.filter(({ protocolType }) => !WITHOUT_OFFSETS.has(protocolType)), absent: [] };
  const names = new Set([...listed.map(({ groupId }) => groupId), ...projections.map(({ name }) => name)]);
  return {
    wanted: listed.filter(({ groupId }) => only.includes(groupId)),
    absent: only.filter((name) => !names.has(name)),
  };
}

function chooseProjections({ only, projections }: WatchRequest): readonly ProjectionSource[] {
  return only.length === 0 ? projections : projections.filter(({ name }) => only.includes(name));
}

function nowhere(name: string, gaps: readonly string[], atMs: number): ConsumerFacts {
  const trouble =
    gaps.length > 0
      ? ({ state: 'noAnswer', reason: `not in an incomplete list of groups: ${gaps.join('; ')}` } as const)
      : ({ state: 'unknown', reason: 'there is no such group' } as const);
  return { kind: 'group', name, groupState: null, atMs, windowMs: 0, trouble, partitions: [] };
}

/** Without an answer of the cluster only the names we know are left to say so. */
function unseen(request: WatchRequest, list: Observed<unknown>): ConsumerFacts[] {
  const reason = list.seen ? '' : list.reason;
  const trouble = { state: 'noAnswer', reason } as const;
  const projections = chooseProjections(request).map(({ name }) => ({ kind: 'projection', name }) as const);
  const known = new Set(projections.map(({ name }) => name));
  const named = request.only.flatMap((name) => (known.has(name) ? [] : [{ kind: 'group', name } as const]));
  return [...projections, ...named].map((consumer) => ({
    ...consumer,
    groupState: null,
    atMs: list.atMs,
    windowMs: 0,
    trouble,
    partitions: [],
  }));
}

class Watch {
  readonly #request: WatchRequest;
  readonly #wanted: readonly GroupListing[];
  readonly #times = new Map<string, Told<number | null>>();
  #starts: Beside['starts'] = new Map();

  constructor(request: WatchRequest, wanted: readonly GroupListing[]) {
    this.#request = request;
    this.#wanted = wanted;
  }

  async run(topics: Beside['topics']): Promise<ConsumerFacts[]> {
    const { groups, intervalMs, patienceMs, timeoutMs, onWaiting, signal } = this.#request;
    const first = await this.#look(this.#wanted, chooseProjections(this.#request));
    if (first.consumers.length === 0) return [];
    // Before the last look at the positions: what is below these starts then is below them for certain.
    this.#starts = await edgesOf(groups, partitionsOf(first.consumers), 'start', timeoutMs);
    const last = new Map<string, Look>();
    let open = first.consumers;
    do {
      await delay(intervalMs, undefined, { signal });
      const look = await this.#look(
        this.#wanted.filter(({ groupId }) =>
          open.some((one) => one.kind === 'group' && one.name === groupId),
        ),
        chooseProjections(this.#request).filter(({ name }) =>
          open.some((one) => one.kind === 'projection' && one.name === name),
        ),
      );
      for (const consumer of look.consumers) last.set(nameOf(consumer), look);
      await this.#readTimes(look);
      open =
        look.monoMs - first.monoMs < patienceMs
          ? look.consumers.filter((consumer) => this.#standsStill(consumer, first, look))
          : [];
      if (open.length > 0) onWaiting?.(open.map(({ name }) => name));
    } while (open.length > 0);
    const pairs = first.consumers.map(({ kind, name }) => {
      const look = last.get(nameOf({ kind, name })) ?? first;
      const consumer = look.consumers.find((one) => one.kind === kind && one.name === name);
      return { look, consumer };
    });
    const stable = await this.#stableEnds(first, pairs);
    const beside = { topics, starts: this.#starts, stable, times: this.#times };
    return pairs.flatMap(({ look, consumer }) =>
      consumer === undefined ? [] : [foldConsumer(first, look, consumer, beside)],
    );
  }

  #look(listings: readonly GroupListing[], projections: readonly ProjectionSource[]): Promise<Look> {
    const { groups, nowMs, timeoutMs } = this.#request;
    return lookOnce({ groups, listings, projections, nowMs, timeoutMs });
  }

  /** Learns the timestamps of first unread records that are not known yet, as many as there is room for. */
  async #readTimes(look: Look): Promise<void> {
    const lists = look.consumers.map((consumer) =>
      unreadOf(consumer, look, this.#starts).filter((one) => !this.#times.has(timeOf(one))),
    );
    const wanted = inTurns(lists, Math.max(0, MAX_TIMED - this.#times.size));
    const { groups, timeoutMs } = this.#request;
    const told = wanted.length === 0 ? [] : await groups.times(wanted, { timeoutMs });
    wanted.forEach((one, at) => {
      this.#times.set(timeOf(one), told[at] ?? { told: false, reason: 'not asked' });
    });
    const reason = `not read, more than ${MAX_TIMED} partitions have records to consume`;
    for (const one of lists.flat())
      if (!this.#times.has(timeOf(one))) this.#times.set(timeOf(one), { told: false, reason });
  }

  /** Has it a partition that is further behind than it should be and has not moved since the first look? */
  #standsStill(consumer: ConsumerLook, first: Look, look: Look): boolean {
    const toleranceMs = this.#request.toleranceMs(consumer);
    return this.#unmoved(consumer, first, look).some((one) => {
      const time = this.#times.get(timeOf(one));
      if (time?.told !== true) return true;
      return time.value !== null && look.atMs - time.value > toleranceMs;
    });
  }

  /** Partitions that had something to consume in the first look and stand where they stood. */
  #unmoved(consumer: ConsumerLook, first: Look, look: Look): Unread[] {
    const then = first.consumers.find((one) => nameOf(one) === nameOf(consumer));
    if (then === undefined) return [];
    const before = new Map(
      unreadOf(then, first, this.#starts).map((one) => [keyOf(one), one.offset] as const),
    );
    return unreadOf(consumer, look, this.#starts).filter((one) => before.get(keyOf(one)) === one.offset);
  }

  /** Last stable offsets of what did not move: an open transaction may hold it back. */
  #stableEnds(
    first: Look,
    pairs: readonly { readonly look: Look; readonly consumer: ConsumerLook | undefined }[],
  ): Promise<Beside['stable']> {
    const still = pairs.flatMap(({ look, consumer }) =>
      consumer !== undefined && this.#standsStill(consumer, first, look)
        ? this.#unmoved(consumer, first, look)
        : [],
    );
    const each = new Map(still.map((one) => [keyOf(one), one]));
    const { groups, timeoutMs } = this.#request;
    return edgesOf(groups, [...each.values()], 'stable', timeoutMs);
  }
}

const nameOf = ({ kind, name }: Pick<ConsumerLook, 'kind' | 'name'>): string => `${kind} ${name}`;
const timeOf = (one: Unread): string => timeKey(keyOf(one), one.offset);
