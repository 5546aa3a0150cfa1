// TEMPORARY while the nouns are being written: registers those whose index.ts exists. Becomes static imports.
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import type { Runner } from './deps.ts';

const NAMES = ['init', 'sandbox', 'service', 'topics', 'load', 'check', 'drill', 'config'];
const found: ((program: Command, run: Runner) => void)[] = [];
for (const name of NAMES) {
  const url = new URL(`./commands/${name}/index.ts`, import.meta.url);
  if (!existsSync(url)) continue;
  try {
    const module = (await import(url.href)) as Record<string, (program: Command, run: Runner) => void>;
    const register = module[`register${name[0]?.toUpperCase()}${name.slice(1)}`];
    if (register !== undefined) found.push(register);
  } catch (error) {
    process.stderr.write(`(${name}: ${String(error)})\n`);
  }
}
export const NOUNS = found;
