import type { RedisNodes } from '../../clients/redis/ports.ts';
import { isUpliftError, UpliftError } from '../../core/error.ts';
import { waitFor } from '../../core/wait.ts';
import { lookAtNodes, type RedisLook } from './look.ts';
import { diffRedis, leads, mastersOf, type RedisPlace, type RedisTopology, replicasOf } from './topology.ts';

/** How often is looked, and how long is waited. */
export interface RedisPace {
  readonly lookEveryMs: number;
  /** How long Redis itself tries a planned failover: CLUSTER_MF_TIMEOUT 5 s, and a little. */
  readonly manualFailoverMs: number;
  /** Longest wait for one thing: a node up, a link, an election, all agreed. */
  readonly patienceMs: number;
  /** How it is waited; tests with a model of Redis count looks instead of time. */
  readonly wait: typeof waitFor;
}

export const REDIS_PACE: RedisPace = {
  lookEveryMs: 150,
  manualFailoverMs: 6000,
  patienceMs: 60_000,
  wait: waitFor,
};

export interface RedisSettlePorts {
  readonly redis: RedisNodes;
  /** Default REDIS_PACE. */
  readonly redisPace?: RedisPace;
}

/** Between two failovers of a shard: a replica tries again, and masters vote again, only after this (cluster.c). */
export const SPACING_TIMES = 4;

const FAILOVERS = 3;
const STEADY_LOOKS = 4;
/** Beyond the node timeouts: the delay of a replica, its vote, a busy machine. */
const ELECTION_MS = 10_000;

/** Bounds of the undo steps that are made of these waits: up, a link and an election for each failover, all agreed. */
export const RESTORE_TIMEOUT_MS = (2 + 2 * FAILOVERS) * REDIS_PACE.patienceMs;

export const paceOf = ({ redisPace = REDIS_PACE }: RedisSettlePorts): RedisPace => redisPace;

export function lookAtAll({ redis }: RedisSettlePorts, { nodes }: RedisTopology): Promise<RedisLook[]> {
  return lookAtNodes(
    redis,
    nodes.map(({ address }) => address),
  );
}

/** Polls all nodes until nothing is said against it; a missed deadline names what still is. */
async function waitUntil(
  ports: RedisSettlePorts,
  topology: RedisTopology,
  wait: { readonly what: string; readonly timeoutMs: number },
  against: (looks: readonly RedisLook[]) => readonly string[],
): Promise<void> {
  await paceOf(ports).wait(
    async () => {
      const differs = against(await lookAtAll(ports, topology));
      if (differs.length > 0) throw new Error(differs.slice(0, 3).join('; '));
      return true;
    },
    { ...wait, intervalMs: paceOf(ports).lookEveryMs },
  );
}

/** Waits until these nodes answer. */
export function waitUp(ports: RedisSettlePorts, nodes: readonly RedisPlace[]): Promise<void> {
  const wait = {
    what: `Redis at ${nodes.map(({ address }) => address).join(', ')} up`,
    timeoutMs: paceOf(ports).patienceMs,
  };
  return waitUntil(ports, { nodes }, wait, (looks) =>
    looks.flatMap((look) => (look.seen ? [] : [`${look.address}: ${look.reason}`])),
  );
}

/** Waits until a replica leads the slots of a master; false when none did in time. */
export async function waitPromoted(
  ports: RedisSettlePorts,
  topology: RedisTopology,
  master: RedisPlace,
  nodeTimeoutMs: number,
): Promise<boolean> {
  const timeoutMs = Math.min(paceOf(ports).patienceMs, SPACING_TIMES * nodeTimeoutMs + ELECTION_MS);
  const nodes = replicasOf(topology, master.id);
  const wait = { what: `a replica in place of ${master.address}`, timeoutMs };
  try {
    await waitUntil(ports, { nodes }, wait, (looks) =>
      looks.some((look) => leads(look, master.ranges)) ? [] : ['no replica leads'],
    );
    return true;
  } catch (error) {
    if (isUpliftError(error, 'UPL-DEADLINE')) return false;
    throw error;
  }
}

/**
 * Gives the saved masters their slots back: each that is a replica now, with its link up, is asked to take over
 * (CLUSTER FAILOVER: nothing is lost). A try that came to nothing is repeated, a few times, never sooner than masters
 * vote again. Returns how often was asked.
 */
export async function restoreMasters(
  ports: RedisSettlePorts,
  topology: RedisTopology,
  nodeTimeoutMs: number,
): Promise<number> {
  const masters = mastersOf(topology);
  const spacingMs = Math.min(
    paceOf(ports).patienceMs,
    Math.max(SPACING_TIMES * nodeTimeoutMs, paceOf(ports).manualFailoverMs),
  );
  let last: unknown;
  for (let asked = 0; asked <= FAILOVERS; asked += 1) {
    const away = await mastersAway(ports, masters);
    if (away.length === 0) return asked;
    if (asked === FAILOVERS) break;
    await waitFollowing(ports, topology, away);
    await Promise.allSettled(away.map(({ address }) => ports.redis.at(address).failover()));
    const wait = { what: 'masters as before', timeoutMs: spacingMs };
    const back = waitUntil(ports, { nodes: masters }, wait, (looks) => differing(looks, masters));
    await back.catch((error: unknown) => {
      if (!isUpliftError(error, 'UPL-DEADLINE')) throw error;
      last = error;
    });
  }
  throw new UpliftError('UPL-NOT-RESTORED', {
    message: `masters are not as before after ${FAILOVERS} failovers that were asked for`,
    cause: last,
  });
}

async function mastersAway(ports: RedisSettlePorts, masters: readonly RedisPlace[]): Promise<RedisPlace[]> {
  const looks = await lookAtAll(ports, { nodes: masters });
  return masters.filter((master) => !looks.some((look) => isBack(look, master)));
}

function isBack(look: RedisLook, master: RedisPlace): boolean {
  return look.address === master.address && leads(look, master.ranges);
}

function differing(looks: readonly RedisLook[], masters: readonly RedisPlace[]): string[] {
  return masters
    .filter((master) => !looks.some((look) => isBack(look, master)))
    .map(({ address }) => `${address} does not lead its slots`);
}

/**
 * A replica without its link would be refused. One that its new master does not know as its replica yet is worse: it is
 * answered OK, and gives up in silence after 5 s, because the master does not hear what a stranger asks of it.
 */
function waitFollowing(
  ports: RedisSettlePorts,
  topology: RedisTopology,
  away: readonly RedisPlace[],
): Promise<void> {
  const wait = {
    what: 'the old masters follow the new ones, and every node knows it',
    timeoutMs: paceOf(ports).patienceMs,
  };
  return waitUntil(ports, topology, wait, (looks) =>
    away.flatMap((master) => {
      const look = looks.find(({ address }) => address === master.address);
      // One that leads again by now is no matter.
      return look === undefined || isBack(look, master) ? [] : notFollowing(look, looks, master);
    }),
  );
}

function notFollowing(look: RedisLook, looks: readonly RedisLook[], { id, address }: RedisPlace): string[] {
  if (!look.seen) return [`${address}: ${look.reason}`];
  if (look.role.role === 'master') return [`${address} is no replica yet`];
  if (look.role.link !== 'connected') return [`${address}: link ${look.role.link}`];
  return looks.flatMap((by) => {
    const line = by.seen ? by.view.nodes.find((node) => node.id === id) : undefined;
    if (!by.seen || (line?.role === 'replica' && line.linked && line.troubles.length === 0)) return [];
    return [`${by.address} does not know ${address} as a replica yet`];
  });
}

/**
 * Restored means: no difference on any node's view, in several looks one after another. On a busy machine nodes suspect
 * each other for a moment: that is waited out, within the same bound.
 */
export async function waitRestored(ports: RedisSettlePorts, topology: RedisTopology): Promise<void> {
  const wait = { what: 'every Redis node says what it said before', timeoutMs: paceOf(ports).patienceMs };
  let steady = 0;
  await waitUntil(ports, topology, wait, (looks) => {
    const differences = diffRedis(topology, looks);
    steady = differences.length === 0 ? steady + 1 : 0;
    return steady >= STEADY_LOOKS ? [] : [...differences, `without a difference in ${steady} looks`];
  });
}

/** The differences that are left, empty means restored. A suspicion that ends soon is none. */
export async function differencesLeft(ports: RedisSettlePorts, topology: RedisTopology): Promise<string[]> {
  let differences: string[] = [];
  const same = async (): Promise<boolean> => {
    differences = diffRedis(topology, await lookAtAll(ports, topology));
    return differences.length === 0;
  };
  const { manualFailoverMs: timeoutMs, lookEveryMs: intervalMs, wait } = paceOf(ports);
  await wait(same, { what: 'no difference', timeoutMs, intervalMs }).catch(() => undefined);
  return differences;
}
