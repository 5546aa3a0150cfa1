import { access, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TemplateName, Templates } from './plan-context.ts';

const TEMPLATES: readonly TemplateName[] = [
  'kafka.properties',
  'kafka-secure.properties',
  'postgresql.conf',
  'pg_hba.conf',
  'postgres-role.conf',
  'pgbouncer.ini',
  'redis.conf',
];

/** The folder of the uplift package, found upwards from this file: it is the same from source and from a bundle. */
export async function packageRoot(): Promise<string> {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let dir = start; dir !== dirname(dir); dir = dirname(dir)) {
    const found = await access(join(dir, 'templates', 'sandbox')).then(
      () => true,
      () => false,
    );
    if (found) return dir;
  }
  throw new Error(`templates/sandbox not found above ${start}`);
}

export async function loadTemplates(root: string): Promise<Templates> {
  const entries = await Promise.all(
    TEMPLATES.map(
      async (name) => [name, await readFile(join(root, 'templates', 'sandbox', name), 'utf8')] as const,
    ),
  );
  return Object.fromEntries(entries) as Templates;
}
