import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { sandboxDir } from './layout.ts';
import { listSandboxes } from './manifest.ts';

/** Paths of the uplift.yaml of every sandbox in a state folder: used when no configuration was named. */
export async function findSandboxConfig(stateDir: string): Promise<string[]> {
  const files = (await listSandboxes(stateDir)).map((name) =>
    join(sandboxDir(stateDir, name), 'uplift.yaml'),
  );
  const there = await Promise.all(
    files.map((file) =>
      access(file).then(
        () => true,
        () => false,
      ),
    ),
  );
  return files.filter((_, at) => there[at]);
}
