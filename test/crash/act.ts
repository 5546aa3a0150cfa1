import type { PlacedUnit } from '../../src/clients/process/unit-files.ts';
import { openRedisNode } from '../../src/clients/redis/index.ts';
import { waitFor } from '../../src/core/wait.ts';
import { pause } from '../soak/kill.ts';
import type { Platform, Ports } from '../support/driven-platform.ts';
import { failOver, failoverJournal, setNow } from './failover.ts';
import type { Point } from './plan.ts';

export interface ActContext {
  readonly platform: Platform;
  readonly ports: Ports;
  readonly units: readonly PlacedUnit[];
  readonly workDir: string;
  readonly signal: AbortSignal;
}

/** What was done, and to whom. */
export interface Done {
  readonly unit: string;
  readonly note: string;
}

const LOOK_MS = 3_000;
const REDIS_MS = 60_000;
/** One gateway gives up on an append so soon, others when they do by default. */
export const IMPATIENT_MS = 1000;
/** Over twice that: what is kept is looked at after a second, and sent again. */
const WORK_MS = 2_500;

/** Does to the victim what the point says and brings it back; who it is, is asked at this moment. */
export async function act(point: Point, context: ActContext): Promise<Done> {
  if (point.victim === 'postgres-primary') return replacePrimary(point, context);
  const candidates = await candidatesOf(point.victim, context.units);
  const unit = candidates[Math.floor(point.pick * candidates.length)];
  if (unit === undefined) throw new Error(`there is no ${point.victim} to be met`);
  if (point.victim === 'sweeper') await leaveWork(point, context);
  const masterGone = point.victim === 'redis-master' && point.act === 'kill';
  const note = masterGone
    ? await killMaster(unit, candidates.length, point, context)
    : await killOrHang(unit, point, context);
  return { unit: unit.id, note };
}

/**
 * A broker hangs for longer than the impatient gateway waits: commands end without an answer and are kept, and the sweeper
 * has them in hand when its turn comes. Idle, its death would show nothing.
 */
async function leaveWork(point: Point, { platform, units, signal }: ActContext): Promise<void> {
  const brokers = await candidatesOf('broker', units);
  const broker = brokers[Math.floor(point.pick * brokers.length)];
  if (broker === undefined) throw new Error('there is no broker that could hang');
  await platform.hang(broker.id, 'pause');
  try {
    await pause(WORK_MS, signal);
  } finally {
    await platform.hang(broker.id, 'resume');
  }
}

async function candidatesOf(
  victim: Point['victim'],
  units: readonly PlacedUnit[],
): Promise<readonly PlacedUnit[]> {
  if (victim === 'broker') return units.filter(({ kind }) => kind === 'kafka');
  if (victim === 'redis-master') return mastersOf(units);
  return units.filter(({ kind, labels }) => kind === 'service' && labels.role === victim);
}

/** The primary dies or hangs; after a while somebody notices and puts the most advanced replica in its place. */
async function replacePrimary(point: Point, { platform, units, workDir, signal }: ActContext): Promise<Done> {
  const set = await setNow(platform.unitsDir, units);
  const unit = `postgres-${set.primary}`;
  await (point.act === 'kill' ? platform.kill(unit) : platform.hang(unit, 'pause'));
  await pause(point.awayMs, signal);
  const note = await failOver(set, failoverJournal(workDir, point.number), signal);
  return { unit, note };
}

/** A killed master stays away until its replica has taken over, and for the point's time from then on. */
async function killMaster(
  unit: PlacedUnit,
  masters: number,
  point: Point,
  { platform, units, signal }: ActContext,
): Promise<string> {
  const others = units.filter(({ id }) => id !== unit.id);
  const before = await mastersOf(others);
  await platform.kill(unit.id);
  const replaced = async (): Promise<PlacedUnit | false> => {
    const now = await mastersOf(others);
    const successor = now.find(({ id }) => !before.some((master) => master.id === id));
    return now.length === masters && successor !== undefined ? successor : false;
  };
  const successor = await waitFor(replaced, {
    what: `a replica in place of ${unit.id}`,
    timeoutMs: REDIS_MS,
    intervalMs: 100,
    signal,
  });
  await pause(point.awayMs, signal);
  await platform.startUnit(unit.id);
  return `${successor.id} took over`;
}

/** Kills a unit and starts it again, or stops it and lets it go on, with the point's time in between. */
async function killOrHang(unit: PlacedUnit, point: Point, { platform, signal }: ActContext): Promise<string> {
  if (point.act === 'hang') {
    await platform.hang(unit.id, 'pause');
    try {
      await pause(point.awayMs, signal);
    } finally {
      await platform.hang(unit.id, 'resume');
    }
    return '';
  }
  await platform.kill(unit.id);
  await pause(point.awayMs, signal);
  await platform.startUnit(unit.id);
  return '';
}

/** The Redis nodes that answer and call themselves a master. */
async function mastersOf(units: readonly PlacedUnit[]): Promise<PlacedUnit[]> {
  const nodes = units.filter(({ kind }) => kind === 'redis');
  const roles = await Promise.all(
    nodes.map((unit) =>
      askRedis(unit, async (node) => (await node.info('replication')).get('role')).catch(() => undefined),
    ),
  );
  return nodes.filter((_, at) => roles[at] === 'master');
}

async function askRedis<T>(
  unit: PlacedUnit,
  look: (node: ReturnType<typeof openRedisNode>) => Promise<T>,
): Promise<T> {
  const node = openRedisNode({ address: `127.0.0.1:${unit.labels.port}`, timeoutMs: LOOK_MS });
  try {
    return await look(node);
  } finally {
    await node.close();
  }
}

/** Every Redis node calls the cluster whole, and every replica follows its master. */
export async function untilRedisWhole({
  units,
  signal,
}: Pick<ActContext, 'units' | 'signal'>): Promise<void> {
  const nodes = units.filter(({ kind }) => kind === 'redis');
  const whole = (unit: PlacedUnit): Promise<boolean> =>
    askRedis(unit, async (node) => {
      const replication = await node.info('replication');
      const follows = replication.get('role') === 'master' || replication.get('master_link_status') === 'up';
      return follows && (await node.clusterInfo()).get('cluster_state') === 'ok';
    }).catch(() => false);
  const all = async (): Promise<boolean> => (await Promise.all(nodes.map(whole))).every(Boolean);
  await waitFor(all, { what: 'the Redis cluster whole', timeoutMs: REDIS_MS, intervalMs: 250, signal });
}
