import type { PlacedUnit } from '../../src/clients/process/unit-files.ts';
import { reasonOf } from '../../src/core/error.ts';
import { topologyOf } from '../../src/drills/kafka/topology.ts';
import type { Platform, Ports } from '../support/driven-platform.ts';
import { type Kill, type KillContext, killOne, pause, untilBack } from './kill.ts';
import type { KillPlan, PlannedKill } from './schedule.ts';

export interface Skipped extends PlannedKill {
  readonly why: string;
}

export interface Killing {
  readonly kills: readonly Kill[];
  readonly skipped: readonly Skipped[];
  /** Why the kills ended early: something did not come back. */
  readonly notBack: string | undefined;
}

export interface KillingRequest {
  readonly platform: Platform;
  readonly ports: Ports;
  readonly units: readonly PlacedUnit[];
  readonly plan: KillPlan;
  readonly nowMs: () => number;
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
  /** Aborted when there is no load any more: then nobody is killed any more either. */
  readonly loadOver: AbortSignal;
}

/** A kill that is due while the one before is not through yet is skipped, not made up for. */
const LATE_MS = 10_000;
const LOOK_MS = 5_000;

/** Makes the planned kills, one at a time. Does not throw: what went wrong is part of what was seen. */
export async function killAll(request: KillingRequest): Promise<Killing> {
  const { plan, ports, nowMs, say, signal } = request;
  const kills: Kill[] = [];
  const skipped: Skipped[] = [];
  const between = AbortSignal.any([signal, request.loadOver]);
  try {
    const topology = topologyOf(await ports.cluster.describe({ timeoutMs: LOOK_MS }));
    const context: KillContext = { ...request, topology };
    await untilBack(context);
    for (const planned of plan.kills) {
      if (nowMs() > planned.atMs + LATE_MS) {
        const why = `${kills.at(-1)?.victim ?? 'the platform'} was not back yet`;
        skipped.push({ ...planned, why });
        say(`minute ${minute(planned.atMs)}: ${planned.victim} not killed, ${why}`);
        continue;
      }
      await pause(planned.atMs - nowMs(), between);
      const kill = await killOne(planned, context);
      kills.push(kill);
      const backAfter = (kill.backAfterMs / 1000).toFixed(1);
      say(`minute ${minute(kill.killedAtMs)}: ${kill.victim} killed, everything back after ${backAfter} s`);
    }
    return { kills, skipped, notBack: undefined };
  } catch (error) {
    const why = signal.aborted ? 'the run was stopped' : reasonOf(error);
    const over = between.aborted;
    say(`no more kills: ${over && !signal.aborted ? 'the load ended' : why}`);
    return { kills, skipped, notBack: over ? undefined : why };
  }
}

const minute = (ms: number): string => (ms / 60_000).toFixed(1);
