import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { type Acquired, acquireLock, LOCK_SESSION_MS, type Lock } from '../../clients/kafka/lock.ts';
import type { Cluster, Topics } from '../../clients/kafka/ports.ts';
import { isUpliftError, reasonOf, UpliftError } from '../../core/error.ts';
import { EXIT } from '../../core/exit.ts';
import { makeOwnTopic } from '../../topics/own-topic.ts';
import type { Region } from './region.ts';
import { userName } from './user-name.ts';

/** Owning its only partition is the right to change the cluster. */
export const LOCK_TOPIC = '_uplift.lock';
const LOCK_GROUP = 'uplift';
const REPLICAS = 3;
const ACQUIRE_MS = 20_000;
const AGAIN_MS = 2000;

/** In place of a lock whose state nobody can tell: `--allow-no-lock`. */
const NO_LOCK: Lock = { held: () => true, release: async () => undefined };

/**
 * The lock of a region's cluster; its topic is made where it is missing. Throws UPL-LOCK-TAKEN (15) with what the holder
 * said of itself, and UPL-LOCK-UNKNOWN (15) when no coordinator answered: nobody can tell then who else is at work.
 */
export async function lockCluster(
  region: Region,
  ports: { readonly cluster: Cluster; readonly topics: Topics },
  what: string,
): Promise<Lock> {
  const owner = `${what} by ${userName()} on ${hostname()}, pid ${process.pid}`;
  try {
    await makeOwnTopic(
      ports,
      LOCK_TOPIC,
      region.project.config.value.limits.requestTimeout,
      ({ brokers }) => {
        const ids = brokers.map(({ id }) => id).toSorted((a, b) => a - b);
        return { assignment: [ids.slice(0, REPLICAS)], configs: {} };
      },
    );
    const request = { topic: LOCK_TOPIC, groupId: LOCK_GROUP, owner, timeoutMs: ACQUIRE_MS };
    const acquired = await outliving(() => acquireLock(region.kafka, request));
    if (acquired.kind === 'held') return acquired.lock;
    throw new UpliftError('UPL-LOCK-TAKEN', {
      message: `The cluster of ${region.config.name} is locked: ${acquired.by}. Nothing was touched.`,
      exit: EXIT.refused,
    });
  } catch (error) {
    if (isUpliftError(error, 'UPL-LOCK-TAKEN')) throw error;
    throw new UpliftError('UPL-LOCK-UNKNOWN', {
      message: `Nobody can tell who else is at work on ${region.config.name}: ${reasonOf(error)} Nothing was touched.`,
      next: 'the same command with --allow-no-lock, once it is certain that nobody is',
      exit: EXIT.refused,
      cause: error,
    });
  }
}

/**
 * A lock that is asked for in every case. With `allowUnknown` (`--allow-no-lock`) an answer that did not come is taken for
 * leave, and `told` what kept it away; one that somebody holds refuses all the same (UPL-LOCK-TAKEN).
 */
export async function lockUnlessUnknown(
  ask: () => Promise<Lock>,
  allowUnknown: boolean,
  told: (why: string) => Promise<unknown>,
): Promise<Lock> {
  try {
    return await ask();
  } catch (error) {
    if (!allowUnknown || !isUpliftError(error, 'UPL-LOCK-UNKNOWN')) throw error;
    await told(reasonOf(error.cause));
    return NO_LOCK;
  }
}

/**
 * A holder that was killed keeps the lock for the length of its session: whoever outlives that has met a live one. One that
 * was met still counts where the last answer does not come: nothing says that it has gone.
 */
export async function outliving(
  ask: () => Promise<Acquired>,
  { forMs = LOCK_SESSION_MS + AGAIN_MS, againMs = AGAIN_MS } = {},
): Promise<Acquired> {
  const endsMs = performance.now() + forMs;
  let met: Acquired | undefined;
  for (;;) {
    // A broker that has not heard of the new topic yet denies it: that ends by itself, too.
    const last = performance.now() >= endsMs;
    const acquired = await ask().catch((error: unknown) => {
      if (last && met === undefined) throw error;
      return met;
    });
    if (acquired !== undefined && (acquired.kind === 'held' || last)) return acquired;
    met = acquired;
    await delay(againMs);
  }
}
