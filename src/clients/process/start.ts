import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UpliftError } from '../../core/error.ts';
import { waitFor } from '../../core/wait.ts';
import { GATE, GATE_TIMEOUT_MS, openGate } from './gate.ts';
import { clearOldLock } from './postgres-lock.ts';
import { procEntry } from './proc-table.ts';
import { statusOf } from './status.ts';
import type { UnitProcess } from './unit.ts';
import { type PlacedUnit, writeProcess } from './unit-files.ts';

/**
 * Starts a unit as the leader of its own session, output appended to its log file, with exactly the declared
 * environment, and records pid and kernel start time. It outlives the caller. A unit that already runs is not started
 * again: its process is returned. It is not yet ready then: see waitReady.
 */
export async function startUnit(unit: PlacedUnit): Promise<UnitProcess> {
  const unlock = await lockStart(unit);
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

/** One starter per unit at a time, across processes: two would race for the port and one process would be forgotten. */
async function lockStart(unit: PlacedUnit): Promise<() => Promise<void>> {
  const file = `${unit.stateFile}.lock`;
  const own = await procEntry(process.pid);
  const mark = `${process.pid} ${own?.startTime ?? ''}`;
  await waitFor(() => tryLock(file, mark), {
    what: `start lock of ${unit.id}`,
    timeoutMs: GATE_TIMEOUT_MS * 2,
    intervalMs: 50,
  });
  return () => rm(file, { force: true });
}

async function tryLock(file: string, mark: string): Promise<boolean> {
  const draft = `${file}.${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    await writeFile(draft, mark, { flag: 'wx' });
    await link(draft, file); // link(2) is atomic and the lock is never seen empty
    return true;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    if (await ownerIsGone(file)) await rm(file, { force: true });
    return false;
  } finally {
    await rm(draft, { force: true });
  }
}

async function ownerIsGone(file: string): Promise<boolean> {
  const [pid, ...startTime] = (await readFile(file, 'utf8')).split(' ');
  const owner = await procEntry(Number(pid));
  return owner === undefined || owner.startTime !== startTime.join(' ');
}
