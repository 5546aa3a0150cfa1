import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SqlTarget } from '../../src/clients/postgres/index.ts';
import { waitReady } from '../../src/clients/process/ready.ts';
import { startUnit } from '../../src/clients/process/start.ts';
import type { PlacedUnit } from '../../src/clients/process/unit-files.ts';
import { sandboxDown } from '../../src/sandbox/down.ts';
import { sandboxDir } from '../../src/sandbox/layout.ts';
import { updateManifest } from '../../src/sandbox/manifest.ts';
import { cacheDirOf, newSandbox } from '../../src/sandbox/new-sandbox.ts';
import { sandboxOptions } from '../../src/sandbox/options.ts';
import { DATABASE, DATABASE_USER } from '../../src/sandbox/postgres-plan.ts';
import { preparePostgres } from '../../src/sandbox/postgres-prepare.ts';
import { poolerAnswers, replicasStreaming } from '../../src/sandbox/servers-ready.ts';
import { writePlan } from '../../src/sandbox/write-plan.ts';

/** A primary, its two synchronous candidates and the pooler of a sandbox, without its other servers. */
export interface PostgresSetFixture {
  readonly unitsDir: string;
  readonly units: readonly PlacedUnit[];
  /** Through PgBouncer. */
  readonly pooled: SqlTarget;
  /** Straight to a server, by name. */
  direct(server: string): SqlTarget;
  down(): Promise<void>;
}

export async function startPostgresSet(): Promise<PostgresSetFixture> {
  const stateDir = await mkdtemp(join(tmpdir(), 'uplift-pgset-'));
  await chmod(stateDir, 0o755);
  const options = sandboxOptions({ name: `pgset-${randomBytes(3).toString('hex')}`, service: false });
  const { name } = options;
  const dir = sandboxDir(stateDir, name);
  await mkdir(dir, { recursive: true, mode: 0o755 });
  const made = await newSandbox({ env: process.env }, options, dir);
  if (made === undefined) throw new Error('the name was taken');
  const { context, plan, manifest } = made;
  const kinds = ['postgres', 'pgbouncer'];
  const small = { ...plan, units: plan.units.filter(({ kind }) => kinds.includes(kind)) };
  const units = await writePlan(context, small);
  const { signal } = new AbortController();
  const down = async (): Promise<void> => {
    await sandboxDown({ stateDir, name, keepData: false, keepLogs: false, progress: () => undefined });
    await rm(stateDir, { recursive: true, force: true });
  };
  try {
    await preparePostgres(context, cacheDirOf(process.env), signal);
    const servers = units.filter(({ kind }) => kind === 'postgres');
    await Promise.all(servers.map(startUnit));
    await Promise.all(servers.map((unit) => waitReady(unit)));
    await replicasStreaming(servers, context.password, signal);
    for (const pooler of units.filter(({ kind }) => kind === 'pgbouncer')) {
      await startUnit(pooler);
      await poolerAnswers(pooler, context.password, signal);
    }
    await updateManifest(dir, { ...manifest, phase: 'ready' });
  } catch (error) {
    await down().catch(() => undefined);
    throw error;
  }
  const password = (await readFile(context.paths.passwordFile, 'utf8')).trim();
  const targetOf = (unit: PlacedUnit | undefined): SqlTarget => ({
    host: '127.0.0.1',
    port: Number(unit?.labels.port),
    database: DATABASE,
    user: DATABASE_USER,
    password,
    maxConnections: 8,
    connectTimeoutMs: 3000,
    queryTimeoutMs: 5000,
  });
  return {
    unitsDir: context.paths.units,
    units,
    pooled: targetOf(units.find(({ kind }) => kind === 'pgbouncer')),
    direct: (server) => targetOf(units.find(({ labels }) => labels.server === server)),
    down,
  };
}
