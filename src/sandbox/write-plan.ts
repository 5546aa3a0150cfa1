import { chmod, chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { type PlacedUnit, writeUnit } from '../clients/process/unit-files.ts';
import type { SandboxPlan } from './plan.ts';
import type { PlanContext } from './plan-context.ts';

/** Writes folders, configuration and unit files; nothing is started. Existing files are never overwritten. */
export async function writePlan(context: PlanContext, plan: SandboxPlan): Promise<PlacedUnit[]> {
  const { owner, paths } = context;
  // A folder in the temporary directory under our name can only be a leftover: this sandbox has just been made.
  if (paths.serverRoot !== paths.dir) await rm(paths.serverRoot, { recursive: true, force: true });
  await chmod(paths.dir, 0o755);
  for (const folder of plan.folders) {
    await mkdir(folder.path, { recursive: true });
    await chmod(folder.path, folder.mode);
    if (folder.forServer === true && owner !== undefined) await chown(folder.path, owner.uid, owner.gid);
  }
  await Promise.all(
    plan.files.map(async (file) => {
      await writeFile(file.path, file.text, { mode: file.mode, flag: 'wx' });
      if (file.forServer === true && owner !== undefined) await chown(file.path, owner.uid, owner.gid);
    }),
  );
  return Promise.all(plan.units.map((unit) => writeUnit(paths.units, unit)));
}
