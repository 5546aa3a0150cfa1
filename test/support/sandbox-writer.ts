import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SqlTarget } from '../../src/clients/postgres/ports.ts';
import { DATABASE, DATABASE_USER } from '../../src/sandbox/postgres-plan.ts';
import type { ProofSandbox } from './sandbox.ts';

/** The Postgres primary of a sandbox, for a test that looks with its own eyes. */
export async function writerOf(sandbox: ProofSandbox): Promise<SqlTarget> {
  const primary = (await sandbox.units('postgres')).find(({ labels }) => labels.role === 'primary');
  if (primary === undefined) throw new Error('the sandbox has no primary');
  return {
    host: '127.0.0.1',
    port: Number(primary.labels.port),
    database: DATABASE,
    user: DATABASE_USER,
    password: (await readFile(join(sandbox.dir, 'postgres.password'), 'utf8')).trim(),
    applicationName: 'proof',
    maxConnections: 1,
    connectTimeoutMs: 5000,
    queryTimeoutMs: 10_000,
  };
}
