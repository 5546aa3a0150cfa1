import type { PlacedUnit } from '../../src/clients/process/unit-files.ts';
import { openRedisNode } from '../../src/clients/redis/index.ts';
import { waitFor } from '../../src/core/wait.ts';
import { pause } from '../soak/kill.ts';
import type { Platform, Ports } from '../support/driven-platform.ts';
import type { Point } from './plan.ts';

export interface ActContext {
  readonly platform: Platform;
  readonly ports: Ports;
  readonly units: readonly PlacedUnit[];
  readonly signal: AbortSignal;
}

const LOOK_MS = 3_000;
const REDIS_MS = 60_000;

/** The unit that a point is about, as roles are at this moment. */
export async function victimOf({ victim, pick }: Point, { units, ports }: ActContext): Promise<PlacedUnit> {
  const candidates = await candidatesOf(victim, units, ports);
  const unit = candidates[Math.floor(pick * candidates.length)];
  if (unit === undefined) throw new Error(`there is no ${victim} to be met`);
  return unit;
}

async function candidatesOf(
  victim: Point['victim'],
  units: readonly PlacedUnit[],
  ports: Ports,
): Promise<readonly PlacedUnit[]> {
  if (victim === 'broker') return units.filter(({ kind }) => kind === 'kafka');
  if (victim === 'postgres-primary') return units.filter(({ id }) => id === `postgres-${ports.writer.name}`);
  if (victim !== 'redis-master')
    return units.filter(({ kind, labels }) => kind === 'service' && labels.role === victim);
  const nodes = units.filter(({ kind }) => kind === 'redis');
  const roles = await Promise.all(nodes.map(roleOf));
  return nodes.filter((_, at) => roles[at] === 'master');
}

async function roleOf(unit: PlacedUnit): Promise<string | undefined> {
  const node = openRedisNode({ address: `127.0.0.1:${unit.labels.port}`, timeoutMs: LOOK_MS });
  try {
    return (await node.info('replication')).get('role');
  } finally {
    await node.close();
  }
}

/** Kills a unit and starts it again, or stops it and lets it go on, with the point's time in between. */
export async function killOrHang(unit: PlacedUnit, point: Point, context: ActContext): Promise<void> {
  const { platform, signal } = context;
  if (point.act === 'hang') {
    await platform.hang(unit.id, 'pause');
    try {
      await pause(point.awayMs, signal);
    } finally {
      await platform.hang(unit.id, 'resume');
    }
    return;
  }
  await platform.kill(unit.id);
  await pause(point.awayMs, signal);
  await platform.startUnit(unit.id);
}

/** Every Redis node calls the cluster whole, and every replica follows its master. */
export async function untilRedisWhole({ units, signal }: ActContext): Promise<void> {
  const nodes = units.filter(({ kind }) => kind === 'redis');
  const whole = async (unit: PlacedUnit): Promise<boolean> => {
    const node = openRedisNode({ address: `127.0.0.1:${unit.labels.port}`, timeoutMs: LOOK_MS });
    try {
      const replication = await node.info('replication');
      const follows = replication.get('role') === 'master' || replication.get('master_link_status') === 'up';
      return follows && (await node.clusterInfo()).get('cluster_state') === 'ok';
    } catch {
      return false;
    } finally {
      await node.close();
    }
  };
  const all = async (): Promise<boolean> => (await Promise.all(nodes.map(whole))).every(Boolean);
  await waitFor(all, { what: 'the Redis cluster whole', timeoutMs: REDIS_MS, intervalMs: 250, signal });
}
