import { probeOnce } from '../../clients/process/ready.ts';
import { killUnit, pauseUnit, resumeUnit } from '../../clients/process/signal.ts';
import { startUnit } from '../../clients/process/start.ts';
import { statusOf } from '../../clients/process/status.ts';
import { type PlacedUnit, readUnit, readUnits } from '../../clients/process/unit-files.ts';
import { MAX_BACK_MS, MAX_COMMAND_MS } from '../../config/actuator.ts';
import { reasonOf } from '../../core/error.ts';

/** What can be done to a server. */
export type Act = 'kill' | 'hang';

/** Whether we have hold of a server, what that was seen by, and where it was looked. */
export interface Held {
  readonly ok: boolean;
  readonly text: string;
  readonly query?: string;
}

/**
 * Stops, hangs and starts servers that have names. Every actuator passes `actuatorContract` (testing/contract.ts): effects
 * are observed, every method may be repeated, and what is not there or not ours is refused.
 */
export interface ProcessActuator<Name> {
  /** Whether we have hold of a server: it runs, and this act and its undo can be done. Never throws. */
  describe(name: Name, act?: Act): Promise<Held>;
  /** Returns once it was asked for; `running` tells. Killing one that is gone is no error. The signal ends a command. */
  kill(name: Name, signal?: AbortSignal): Promise<void>;
  /** It keeps its connections and answers nothing. Returns once it was asked for; `hanging` tells. */
  hang(name: Name, signal?: AbortSignal): Promise<void>;
  hanging(name: Name): Promise<boolean>;
  /** Starts it if it does not run, wakes it if it hangs; returns once it runs, not yet ready then. Never cancelled. */
  start(name: Name): Promise<void>;
  running(name: Name): Promise<boolean>;
  /** How late an effect may be seen, how often is looked, and the longest until `start` returns; absent: as of a local process. */
  readonly pace?: Pace;
}

export interface Pace {
  readonly effectMs: number;
  readonly lookEveryMs: number;
  readonly startMs: number;
}

/** How long is waited for the effect of an act, and how often is looked. */
export function effectWait({ pace }: Pick<ProcessActuator<never>, 'pace'>): {
  readonly timeoutMs: number;
  readonly intervalMs: number;
} {
  return { timeoutMs: pace?.effectMs ?? 5000, intervalMs: pace?.lookEveryMs ?? 20 };
}

const SLACK_MS = 20_000;
/** Longest that a step may act: a look before, the command, and what it does is seen. */
export const ACT_MS = 3 * MAX_COMMAND_MS + SLACK_MS;
/** Longest until something runs again: an undo that somebody left, what may show yet, the command, and it is back. */
export const START_MS = startBound({
  backMs: MAX_BACK_MS,
  seenMs: MAX_COMMAND_MS,
  commandMs: MAX_COMMAND_MS,
});
/** Waiting for another starter, and the gate before a unit's program. */
const LOCAL_START_MS = 60_000;

/** The longest until something runs again, by these bounds of its commands. */
export function startBound(of: {
  readonly backMs: number;
  readonly seenMs: number;
  readonly commandMs: number;
}): number {
  return 2 * of.backMs + of.seenMs + 2 * of.commandMs + SLACK_MS;
}

/** The longest until what an actuator starts runs again. */
export function startsWithin({ pace }: Pick<ProcessActuator<never>, 'pace'>): number {
  return pace?.startMs ?? LOCAL_START_MS;
}

/** Brokers by id. */
export type BrokerActuator = ProcessActuator<number>;

/** Redis nodes by the host:port they are asked at. */
export type RedisActuator = ProcessActuator<string>;

/** Acts on processes described by unit files: SIGKILL, SIGSTOP, only to pids whose start time matches. */
export function processActuator(unitsDir: string): BrokerActuator {
  return actuatorOf(unitsDir, (brokerId) => ({
    what: `broker ${brokerId}`,
    is: ({ kind, labels }) => kind === 'kafka' && labels.brokerId === String(brokerId),
  }));
}

export function processRedis(unitsDir: string): RedisActuator {
  return actuatorOf(unitsDir, (address) => ({
    what: `Redis at ${address}`,
    // By host as well: a port of the same number elsewhere is somebody else's.
    is: ({ kind, ready }) =>
      kind === 'redis' && ready.kind === 'tcp' && `${ready.host}:${ready.port}` === address,
  }));
}

/** Processes of the service by the id of their unit. */
export interface ServiceActuator extends ProcessActuator<string> {
  /** Its own word on /readyz. */
  ready(id: string): Promise<boolean>;
}

export function processService(unitsDir: string): ServiceActuator {
  return {
    ...actuatorOf(unitsDir, (id: string) => ({
      what: `the service process ${id}`,
      is: (unit) => unit.kind === 'service' && unit.id === id,
    })),
    async ready(id) {
      const { labels } = await readUnit(unitsDir, id);
      return probeOnce({ kind: 'http', url: `http://127.0.0.1:${labels.port}/readyz` });
    },
  };
}

/** Whether we have hold of a unit: it runs as the process that we recorded. */
export async function describeUnit(
  unit: PlacedUnit,
): Promise<{ readonly ok: boolean; readonly text: string }> {
  const status = await statusOf(unit);
  if (status.state !== 'running') return { ok: false, text: `${unit.id} is ${status.state}` };
  return { ok: true, text: `${unit.id}, pid ${status.process.pid}` };
}

interface Wanted {
  readonly what: string;
  readonly is: (unit: PlacedUnit) => boolean;
}

function actuatorOf<Name>(unitsDir: string, wanted: (name: Name) => Wanted): ProcessActuator<Name> {
  const unitOf = async (name: Name): Promise<PlacedUnit> => {
    const { what, is } = wanted(name);
    const unit = (await readUnits(unitsDir)).find(is);
    if (unit === undefined) throw new Error(`no unit of ${what} in ${unitsDir}`);
    return unit;
  };
  const stateOf = async (name: Name) => (await statusOf(await unitOf(name))).state;
  return {
    running: async (name) => (await stateOf(name)) === 'running',
    async describe(name) {
      try {
        return await describeUnit(await unitOf(name));
      } catch (error) {
        return { ok: false, text: reasonOf(error) };
      }
    },
    async kill(name) {
      await killUnit(await unitOf(name));
    },
    async hang(name) {
      await pauseUnit(await unitOf(name));
    },
    hanging: async (name) => (await stateOf(name)) === 'paused',
    async start(name) {
      const unit = await unitOf(name);
      // A kill stops the process first: whoever died in between has left it so.
      if ((await statusOf(unit)).state === 'paused') await resumeUnit(unit);
      await startUnit(unit);
    },
  };
}
