import { statusOf } from '../clients/process/status.ts';
import type { UnitStatus } from '../clients/process/unit.ts';
import { type PlacedUnit, readUnit, readUnits } from '../clients/process/unit-files.ts';
import { sandboxDir, sandboxPaths } from './layout.ts';
import { requireManifest } from './manifest.ts';

export interface UnitRow {
  readonly id: string;
  readonly kind: string;
  readonly role: string;
  readonly state: UnitStatus['state'];
  readonly pid: number | null;
  readonly port: number;
  readonly rack: string;
  readonly uptimeMs: number | null;
}

export interface SandboxStatus {
  readonly name: string;
  readonly dir: string;
  readonly configFile: string;
  readonly phase: 'preparing' | 'ready';
  readonly units: readonly UnitRow[];
}

/** What each unit's process is doing now, from the process table; UPL-SANDBOX-NOT-FOUND when there is no such sandbox. */
export async function sandboxStatus(stateDir: string, name: string, nowMs: number): Promise<SandboxStatus> {
  const manifest = await requireManifest(stateDir, name);
  const paths = sandboxPaths(sandboxDir(stateDir, name), manifest.serverRoot);
  const units = await Promise.all((await readUnits(paths.units)).map((unit) => rowOf(unit, nowMs)));
  return { name, dir: paths.dir, configFile: paths.configFile, phase: manifest.phase, units };
}

async function rowOf(unit: PlacedUnit, nowMs: number): Promise<UnitRow> {
  const status = await statusOf(unit);
  const alive = status.state === 'running' || status.state === 'paused' ? status.process : undefined;
  return {
    id: unit.id,
    kind: unit.kind,
    role: unit.labels.role ?? '',
    state: status.state,
    pid: alive?.pid ?? null,
    port: Number(unit.labels.port),
    rack: unit.labels.rack ?? '',
    uptimeMs: alive === undefined ? null : Math.max(0, nowMs - alive.startedAtMs),
  };
}

/** One unit of a sandbox that must exist; an unknown id is UPL-USAGE with the ids there are. */
export async function sandboxUnit(stateDir: string, name: string, id: string): Promise<PlacedUnit> {
  await requireManifest(stateDir, name);
  const dir = sandboxDir(stateDir, name);
  return readUnit(sandboxPaths(dir, dir).units, id);
}
