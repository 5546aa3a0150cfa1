import { setTimeout as delay } from 'node:timers/promises';
import { probeOnce } from '../../src/clients/process/ready.ts';
import type { PlacedUnit } from '../../src/clients/process/unit-files.ts';
import { waitFor } from '../../src/core/wait.ts';
import { restoreLeaders, waitIsr, waitRegistered } from '../../src/drills/kafka/settle.ts';
import { type KafkaTopology, topologyOf } from '../../src/drills/kafka/topology.ts';
import type { Platform, Ports } from '../support/driven-platform.ts';
import type { PlannedKill } from './schedule.ts';

/** What became of one kill. Times after the kill are ms since it. */
export interface Kill extends PlannedKill {
  readonly killedAtMs: number;
  /** Its absence was seen: nobody answers; for a broker: it is fenced and leads nothing. */
  readonly seenAfterMs: number;
  readonly startedAfterMs: number;
  /** Everything is back: each service process ready, each ISR full, leaders as before. */
  readonly backAfterMs: number;
}

const SEEN_MS = 30_000;
const BACK_MS = 150_000;
const LOOK_MS = 3_000;

export interface KillContext {
  readonly platform: Platform;
  readonly ports: Ports;
  readonly units: readonly PlacedUnit[];
  /** Before the first kill: what must be there again after each. */
  readonly topology: KafkaTopology;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
}

/** Kills a unit, sees that it is gone, starts it again, waits until everything is back. Throws UPL-DEADLINE when it is not. */
export async function killOne(planned: PlannedKill, context: KillContext): Promise<Kill> {
  const { platform, nowMs } = context;
  const unit = context.units.find(({ id }) => id === planned.victim);
  if (unit === undefined) throw new Error(`there is no unit ${planned.victim}`);
  const killedAtMs = nowMs();
  await platform.kill(unit.id);
  await untilGone(unit, context);
  const seenAfterMs = nowMs() - killedAtMs;
  await pause(planned.awayMs, context.signal);
  await platform.startUnit(unit.id);
  const startedAfterMs = nowMs() - killedAtMs;
  await untilBack(context);
  return { ...planned, killedAtMs, seenAfterMs, startedAfterMs, backAfterMs: nowMs() - killedAtMs };
}

async function untilGone(unit: PlacedUnit, { ports, signal }: KillContext): Promise<void> {
  const broker = unit.kind === 'kafka' ? Number(unit.labels.brokerId) : undefined;
  const gone = async (): Promise<boolean> => {
    if (await probeOnce(unit.ready)) return false;
    if (broker === undefined) return true;
    const { brokers, partitions } = topologyOf(await ports.cluster.describe({ timeoutMs: LOOK_MS }));
    return !brokers.some(({ id }) => id === broker) && !partitions.some(({ leader }) => leader === broker);
  };
  await waitFor(gone, { what: `${unit.id} seen as gone`, timeoutMs: SEEN_MS, intervalMs: 200, signal });
}

/** Every service process is ready, every broker registered, every ISR full, every leader as before. */
export async function untilBack({
  ports,
  units,
  topology,
  signal,
}: Pick<KillContext, 'ports' | 'units' | 'topology' | 'signal'>): Promise<void> {
  const endsAtMs = performance.now() + BACK_MS;
  const leftMs = (): number => Math.max(1, endsAtMs - performance.now());
  const brokers = topology.brokers.map(({ id }) => id);
  await waitRegistered(ports, brokers, leftMs());
  await waitIsr(ports, topology, leftMs());
  await restoreLeaders(ports, topology, leftMs());
  const services = units.filter(({ kind }) => kind === 'service');
  const ready = async (): Promise<boolean> => {
    const answers = services.map(({ labels }) =>
      probeOnce({ kind: 'http', url: `http://127.0.0.1:${labels.port}/readyz` }),
    );
    return (await Promise.all(answers)).every((answer) => answer);
  };
  await waitFor(ready, {
    what: 'every service process ready',
    timeoutMs: leftMs(),
    intervalMs: 250,
    signal,
  });
}

/** Lets a time pass; ends early, with the reason, when the run is stopped. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(Math.max(0, ms), undefined, { signal });
}
