import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { root } from './source-tree.ts';

/** What a page of results was measured on: the machine, and what each server says of its version. */
export async function machineFacts(): Promise<Record<string, string>> {
  const file = '../../scripts/demo/machine.mjs';
  const { machine, serverVersions } = (await import(file)) as {
    machine: () => Record<string, string>;
    serverVersions: () => Promise<Record<string, string>>;
  };
  return { ...machine(), ...(await serverVersions()) };
}

/** The machine as lines of a Markdown table. */
export function machineTable(machine: Readonly<Record<string, string>>): string[] {
  return [
    '| machine | |',
    '| --- | --- |',
    ...Object.entries(machine).map(([name, value]) => `| ${name} | ${value} |`),
  ];
}

/** Writes a page to a file named from the root of the repository; without one it is printed. */
export async function placePage(page: string, target: string | undefined): Promise<void> {
  if (target === undefined) {
    process.stdout.write(`\n${page}\n`);
    return;
  }
  const path = resolve(root, target);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, page);
}
