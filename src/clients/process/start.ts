import { spawn } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UpliftError } from '../../core/error.ts';
import { GATE, GATE_TIMEOUT_MS, openGate } from './gate.ts';
import { clearOldLock } from './postgres-lock.ts';
import { takeLock } from './start-lock.ts';
import { statusOf } from './status.ts';
import type { UnitProcess } from './unit.ts';
import { type PlacedUnit, writeProcess } from './unit-files.ts';

/**
 * Starts a unit as the leader of its own session, output appended to its log file, with exactly the declared
 * environment, and records pid and kernel start time. It outlives the caller. A unit that already runs is not started
 * again: its process is returned. It is not yet ready then: see waitReady.
 */
export async function startUnit(unit: PlacedUnit): Promise<UnitProcess> {
  // One starter per unit at a time, across processes: two would race for the port and one process would be forgotten.
  const unlock = await takeLock(`${unit.stateFile}.lock`, {
    what: `start lock of ${unit.id}`,
    timeoutMs: GATE_TIMEOUT_MS * 2,
  });
  try {
    const status = await statusOf(unit);
    if (status.state === 'running' || status.state === 'paused') return status.process;
    if (status.state === 'exited' && unit.kind === 'postgres') await clearOldLock(unit, status.process);
    return await spawnUnit(unit);
  } finally {
    await unlock();
  }
}

async function spawnUnit(unit: PlacedUnit): Promise<UnitProcess> {
  await mkdir(dirname(unit.logFile), { recursive: true });
  const log = await open(unit.logFile, 'a', 0o644);
  try {
    const child = spawn('/bin/sh', ['-c', GATE, unit.id, ...unit.argv], {
      cwd: unit.cwd,
      env: { ...unit.env },
      detached: true,
      stdio: ['pipe', log.fd, log.fd],
      ...(unit.uid === undefined ? {} : { uid: unit.uid }),
      ...(unit.gid === undefined ? {} : { gid: unit.gid }),
    });
    return await openGate(child, unit.id, (started) => writeProcess(unit, started)).finally(() =>
      child.unref(),
    );
  } catch (cause) {
    if (cause instanceof UpliftError) throw cause;
    throw new UpliftError('UPL-SANDBOX-START', {
      message: `${unit.id} cannot be started in ${unit.cwd}.`,
      cause,
    });
  } finally {
    await log.close();
  }
}
