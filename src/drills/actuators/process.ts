import { killUnit, pauseUnit, resumeUnit } from '../../clients/process/signal.ts';
import { startUnit } from '../../clients/process/start.ts';
import { statusOf } from '../../clients/process/status.ts';
import { type PlacedUnit, readUnits } from '../../clients/process/unit-files.ts';
import { reasonOf } from '../../core/error.ts';

/** Acts on brokers that are local processes described by unit files. Only pids whose start time matches are signalled. */
export interface BrokerActuator {
  /** Whether we have hold of a broker: its process is ours and running. */
  describe(brokerId: number): Promise<{ readonly ok: boolean; readonly text: string }>;
  /** SIGKILL; resolves when the process is gone. Killing one that is gone is no error. */
  kill(brokerId: number): Promise<void>;
  /** SIGSTOP; resolves when the process and all it started are seen to be stopped. */
  hang(brokerId: number): Promise<void>;
  hanging(brokerId: number): Promise<boolean>;
  /** Starts the process if it does not run, wakes it if it is stopped; not yet ready then. */
  start(brokerId: number): Promise<void>;
  running(brokerId: number): Promise<boolean>;
}

export function processActuator(unitsDir: string): BrokerActuator {
  const unitOf = async (brokerId: number): Promise<PlacedUnit> => {
    const units = await readUnits(unitsDir);
    const unit = units.find(({ kind, labels }) => kind === 'kafka' && labels.brokerId === String(brokerId));
    if (unit === undefined) throw new Error(`no unit of broker ${brokerId} in ${unitsDir}`);
    return unit;
  };
  const running = async (brokerId: number): Promise<boolean> =>
    (await statusOf(await unitOf(brokerId))).state === 'running';
  return {
    running,
    async describe(brokerId) {
      try {
        return await describeUnit(await unitOf(brokerId));
      } catch (error) {
        return { ok: false, text: reasonOf(error) };
      }
    },
    async kill(brokerId) {
      await killUnit(await unitOf(brokerId));
    },
    async hang(brokerId) {
      await pauseUnit(await unitOf(brokerId));
    },
    hanging: async (brokerId) => (await statusOf(await unitOf(brokerId))).state === 'paused',
    async start(brokerId) {
      const unit = await unitOf(brokerId);
      // A kill stops the process first: whoever died in between has left it so.
      if ((await statusOf(unit)).state === 'paused') await resumeUnit(unit);
      await startUnit(unit);
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
