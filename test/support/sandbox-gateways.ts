import { join } from 'node:path';
import { waitReady } from '../../src/clients/process/ready.ts';
import { stopUnit } from '../../src/clients/process/signal.ts';
import { startUnit } from '../../src/clients/process/start.ts';
import type { Unit } from '../../src/clients/process/unit.ts';
import { type PlacedUnit, writeUnit } from '../../src/clients/process/unit-files.ts';
import type { ProofSandbox } from './sandbox.ts';
import { root } from './source-tree.ts';

const UNGUARDED = [process.execPath, join(root, 'test', 'unguarded', 'gateway.ts')];

/** Composes every gateway with the unguarded producer; returns what puts the real ones back. */
export async function withUnguardedGateways(sandbox: ProofSandbox): Promise<() => Promise<void>> {
  const real = await gateways(sandbox);
  await restartAs(
    sandbox,
    real.map((unit) => ({ ...unit, argv: UNGUARDED })),
  );
  return () => restartAs(sandbox, real);
}

async function gateways(sandbox: ProofSandbox): Promise<PlacedUnit[]> {
  return (await sandbox.units('service')).filter(({ labels }) => labels.role === 'gateway');
}

async function restartAs(sandbox: ProofSandbox, units: readonly Unit[]): Promise<void> {
  for (const running of await gateways(sandbox)) await stopUnit(running);
  for (const { id, ...unit } of units) {
    const placed = await writeUnit(sandbox.unitsDir, { id, ...unit });
    await startUnit(placed);
    await waitReady(placed);
  }
  await sandbox.serviceReady();
}
