import { procEntry } from './proc-table.ts';
import type { UnitProcess, UnitStatus } from './unit.ts';
import { type PlacedUnit, readProcess } from './unit-files.ts';

/** What became of a unit. A pid that now belongs to another process (other start time) reads as exited. */
export async function statusOf(unit: PlacedUnit): Promise<UnitStatus> {
  const recorded = await readProcess(unit);
  return recorded === undefined
    ? { state: 'neverStarted' }
    : { state: await stateOf(recorded), process: recorded };
}

/** State of a recorded process by its pid and start time. */
export async function stateOf(recorded: UnitProcess): Promise<'running' | 'paused' | 'exited'> {
  const entry = await procEntry(recorded.pid);
  if (entry === undefined || entry.startTime !== recorded.startTime) return 'exited';
  return entry.stopped ? 'paused' : 'running';
}
