import type { RedisNodes, RedisWriter } from '../../clients/redis/ports.ts';
import { slotOf } from '../../clients/redis/slot.ts';
import { reasonOf } from '../../core/error.ts';
import { waitFor } from '../../core/wait.ts';
import { type Schedule, startSchedule } from '../../load/schedule.ts';
import type { ProbeRead, ProbeReads, ProbeWrite, StoreProbe } from './probe.ts';

/** One shard: who leads it when the probe begins, and everybody who may. */
export interface ProbeShard {
  readonly master: string;
  readonly members: readonly string[];
  readonly ranges: readonly string[];
}

export interface RedisProbeOptions {
  readonly redis: RedisNodes;
  readonly openWriter: (address: string) => RedisWriter;
  readonly shards: readonly ProbeShard[];
  /** Masters that the fault strikes. */
  readonly struck: readonly string[];
  readonly runId: string;
  /** Over all shards, in turn. */
  readonly ratePerS: number;
  /** As the writers have it; only said. */
  readonly waitReplicas: number;
  /** Keys end by themselves, should the probe not live to take them away. */
  readonly ttlMs: number;
  readonly timeoutMs: number;
  readonly monoNs: () => bigint;
}

const MOST_WRITES = 200_000;
/** A single slot is hit by one name of 16,384. */
const MOST_TAGS = 500_000;
const MOST_UNDER_WAY = 1000;
const KEYS_AT_ONCE = 500;
const CAUGHT_UP_MS = 10_000;

interface Lane extends ProbeShard {
  /** Puts all keys of the lane into one slot of its shard. */
  readonly tag: string;
  readonly writers: readonly RedisWriter[];
  readonly keys: string[];
  at: number;
}

/**
 * Writes keys of its own at a fixed rate over all shards, one connection to whoever leads each. Every write is sent
 * once; who leads is learnt from refusals, as a client of the platform would.
 */
export function redisProbe(options: RedisProbeOptions): StoreProbe {
  const { shards, ratePerS, waitReplicas, monoNs } = options;
  const writes: ProbeWrite[] = [];
  const underWay = new Set<Promise<void>>();
  let lanes: Lane[] = [];
  let schedule: Schedule | undefined;
  let startedNs = 0n;
  const issue = (index: number): void => {
    const lane = lanes[index % lanes.length];
    if (lane === undefined || index >= MOST_WRITES) return;
    const id = `uplift_probe:{${lane.tag}}:${options.runId}:${index}`;
    lane.keys.push(id);
    const work = write(options, lane, id, underWay.size >= MOST_UNDER_WAY).then((outcome) => {
      writes.push({ id, group: lane.master, endedNs: monoNs(), outcome });
      underWay.delete(work);
    });
    underWay.add(work);
  };
  return {
    store: 'Redis',
    durability: `SET ${waitReplicas === 0 ? 'without WAIT' : `with WAIT ${waitReplicas}`}, ${ratePerS}/s over ${shards.length} shards`,
    struck: new Set(options.struck),
    writes: () => writes,
    async start() {
      lanes = shards.map((shard) => laneOf(shard, options.openWriter));
      const led = async (): Promise<boolean> => lanes.every((lane) => lane.writers[lane.at]?.connected());
      await waitFor(led, { what: 'the probe connected to every Redis master', timeoutMs: options.timeoutMs });
      startedNs = monoNs();
      const nowUs = (): number => Number(monoNs() / 1000n);
      schedule = startSchedule({ ratePerS, startUs: nowUs(), nowUs, issue });
    },
    async stop() {
      schedule?.stop();
      await Promise.all(underWay);
    },
    async read() {
      const reads = await Promise.all(lanes.map((lane) => readLane(options, lane)));
      const ageMs = Number(monoNs() - startedNs) / 1e6;
      const unread = [
        ...reads.flatMap((read) => read.unread),
        ...(ageMs > options.ttlMs ? ['the first keys of the probe in Redis have ended by now'] : []),
        ...((schedule?.planned() ?? 0) > MOST_WRITES
          ? [`the probe in Redis stopped at ${MOST_WRITES} writes`]
          : []),
      ];
      return { places: reads.flatMap(({ places }) => places), unread };
    },
    async close({ keep = false } = {}) {
      schedule?.stop();
      await Promise.all(underWay);
      if (!keep) await Promise.allSettled(lanes.map((lane) => removeKeys(options, lane)));
      await Promise.all(lanes.flatMap(({ writers }) => writers.map((writer) => writer.close())));
      lanes = [];
    },
  };
}

function laneOf(shard: ProbeShard, openWriter: RedisProbeOptions['openWriter']): Lane {
  return {
    ...shard,
    tag: tagIn(shard.ranges),
    writers: shard.members.map(openWriter),
    keys: [],
    at: shard.members.indexOf(shard.master),
  };
}

/** The first `t<n>` whose slot is in these ranges. */
export function tagIn(ranges: readonly string[]): string {
  const edges = ranges.map((range) => {
    const [from = '', to = from] = range.split('-');
    return { from: Number(from), to: Number(to) };
  });
  for (let n = 0; edges.length > 0 && n < MOST_TAGS; n += 1) {
    const slot = slotOf(`t${n}`);
    if (edges.some(({ from, to }) => from <= slot && slot <= to)) return `t${n}`;
  }
  throw new TypeError(`no slot in ${ranges.join(' ')}`);
}

async function write(
  { ttlMs }: RedisProbeOptions,
  lane: Lane,
  id: string,
  full: boolean,
): Promise<ProbeWrite['outcome']> {
  const { at } = lane;
  const writer = lane.writers[at];
  if (full || writer === undefined) return 'fail';
  const answer = await writer.set(id, id, ttlMs);
  // Others that were under way may have moved on already.
  if (answer.outcome !== 'ok' && lane.at === at) {
    const named = answer.movedTo === undefined ? -1 : lane.members.indexOf(answer.movedTo);
    if (named >= 0) lane.at = named;
    else if (!writer.connected() || answer.outcome === 'info' || answer.movedTo !== undefined)
      lane.at = (at + 1) % lane.members.length;
  }
  return answer.outcome;
}

async function readLane(options: RedisProbeOptions, lane: Lane): Promise<ProbeReads> {
  const late = await notCaughtUp(options, lane);
  const unread = late.map((address) => `${address} had not caught up with its Redis master`);
  const places: ProbeRead[] = [];
  for (const place of lane.members.filter((address) => !late.includes(address))) {
    try {
      places.push({ place, group: lane.master, ids: await readKeys(options, lane, place) });
    } catch (error) {
      unread.push(reasonOf(error));
    }
  }
  return { places, unread };
}

async function readKeys({ redis }: RedisProbeOptions, lane: Lane, address: string): Promise<string[]> {
  const found: string[] = [];
  for (const keys of chunks(lane.keys)) {
    const values = await redis.at(address).values(keys);
    found.push(...keys.filter((key, at) => values[at] === key));
  }
  return found;
}

/** Members that do not reach what their master had when this began. */
async function notCaughtUp({ redis }: RedisProbeOptions, { members }: Lane): Promise<readonly string[]> {
  const offsets = async (): Promise<
    { readonly address: string; readonly master: boolean; readonly offset: number }[]
  > =>
    Promise.all(
      members.map(async (address) => {
        const role = await redis
          .at(address)
          .role()
          .catch(() => undefined);
        return { address, master: role?.role === 'master', offset: role?.offset ?? -1 };
      }),
    );
  const goal = Math.max(...(await offsets()).map(({ offset }) => offset));
  let late: readonly string[] = members;
  const caughtUp = async (): Promise<boolean> => {
    late = (await offsets()).filter(({ offset }) => offset < goal).map(({ address }) => address);
    return late.length === 0;
  };
  await waitFor(caughtUp, { what: 'replicas caught up', timeoutMs: CAUGHT_UP_MS }).catch(() => undefined);
  return late;
}

async function removeKeys({ redis }: RedisProbeOptions, { members, keys }: Lane): Promise<void> {
  for (const address of members) {
    const role = await redis
      .at(address)
      .role()
      .catch(() => undefined);
    if (role?.role !== 'master') continue;
    for (const some of chunks(keys)) await redis.at(address).remove(some);
  }
}

function chunks(keys: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(keys.length / KEYS_AT_ONCE) }, (_, at) =>
    keys.slice(at * KEYS_AT_ONCE, (at + 1) * KEYS_AT_ONCE),
  );
}
