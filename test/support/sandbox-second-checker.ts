import { readFile } from 'node:fs/promises';
import { sandboxPaths } from '../../src/sandbox/layout.ts';
import { DATABASE, DATABASE_USER } from '../../src/sandbox/postgres-plan.ts';
import type { ProofSandbox } from './sandbox.ts';
import { type SecondOpinion, secondOpinion } from './second-checker.ts';

/** What the second checker says of a run's folder: of the service's history, or of the store probe's writes. */
export async function sandboxOpinion(
  sandbox: ProofSandbox,
  folder: string,
  of: 'service' | 'probe' = 'service',
): Promise<SecondOpinion> {
  const { passwordFile } = sandboxPaths(sandbox.dir, sandbox.dir);
  const password = (await readFile(passwordFile, 'utf8')).trim();
  const portsOf = async (kind: 'kafka' | 'postgres' | 'redis'): Promise<string[]> =>
    (await sandbox.units(kind)).map(({ labels }) => labels.port ?? '');
  const [kafka, postgres, redis] = await Promise.all([
    portsOf('kafka'),
    portsOf('postgres'),
    portsOf('redis'),
  ]);
  const args = [
    ...['--kafka', kafka.map((port) => `127.0.0.1:${port}`).join(',')],
    ...postgres.flatMap((port) => [
      '--postgres',
      `postgresql://${DATABASE_USER}@127.0.0.1:${port}/${DATABASE}`,
    ]),
    ...redis.flatMap((port) => ['--redis', `127.0.0.1:${port}`]),
    ...(of === 'probe' ? ['--probe'] : []),
  ];
  return secondOpinion([folder, ...args], { PGPASSWORD: password });
}
