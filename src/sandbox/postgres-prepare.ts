import { createHash, randomBytes } from 'node:crypto';
import { access, chown, mkdtemp, readdir, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlanContext } from './plan-context.ts';
import { bootstrapSql, type PostgresServer, postgresServers } from './postgres-plan.ts';
import { runCommand } from './run-command.ts';

const INITDB_TIMEOUT_MS = 60_000;
const COPY_TIMEOUT_MS = 30_000;

/**
 * Makes the data folders: an initdb result from the cache becomes the primary, gets roles, database and slots without
 * ever listening, and is copied while it is shut down. Such a cold copy is a complete base backup (PostgreSQL 26.2),
 * so the replicas need no running primary and all three servers start at once.
 */
export async function preparePostgres(
  context: PlanContext,
  cacheDir: string,
  signal: AbortSignal,
): Promise<void> {
  const [primary, ...replicas] = postgresServers(context);
  if (primary === undefined) return;
  const template = await initdbTemplate(context, cacheDir, signal);
  await copyFolder(context, template, primary.dataDir, signal);
  await bootstrap(context, primary, signal);
  await Promise.all(replicas.map((replica) => cloneReplica(context, primary, replica, signal)));
}

async function bootstrap(context: PlanContext, primary: PostgresServer, signal: AbortSignal): Promise<void> {
  const single = ['--single', '-D', primary.dataDir, '-c', 'exit_on_error=on', 'postgres'];
  await runCommand([join(context.binaries.postgresBin, 'postgres'), ...single], {
    what: 'Creating roles and database',
    ...asServer(context),
    cwd: context.paths.data,
    timeoutMs: COPY_TIMEOUT_MS,
    input: bootstrapSql(context),
    secrets: [context.password],
    signal,
  });
}

/** Slots belong to the server they were made on; a copy must not hold WAL for replicas it does not have. */
async function cloneReplica(
  context: PlanContext,
  primary: PostgresServer,
  replica: PostgresServer,
  signal: AbortSignal,
): Promise<void> {
  await copyFolder(context, primary.dataDir, replica.dataDir, signal);
  const slots = join(replica.dataDir, 'pg_replslot');
  await Promise.all((await readdir(slots)).map((name) => rm(join(slots, name), { recursive: true })));
  const standby = join(replica.dataDir, 'standby.signal');
  await writeFile(standby, '');
  if (context.owner !== undefined) await chown(standby, context.owner.uid, context.owner.gid);
}

/** An initdb result in the cache, made on first use: by rename, so two sandboxes at once do no harm. */
async function initdbTemplate(context: PlanContext, cacheDir: string, signal: AbortSignal): Promise<string> {
  const initdb = await realpath(join(context.binaries.postgresBin, 'initdb'));
  const mark = createHash('sha256')
    .update(`${initdb} ${(await stat(initdb)).mtimeMs}`)
    .digest('hex')
    .slice(0, 16);
  const template = join(cacheDir, `initdb-${mark}`);
  const cached = await access(template).then(
    () => true,
    () => false,
  );
  if (cached) return template;
  // Inside the sandbox: `down` removes it when this process is killed here.
  const work = await mkdtemp(join(context.paths.data, 'initdb-'));
  const draft = `${template}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    if (context.owner !== undefined) await chown(work, context.owner.uid, context.owner.gid);
    await runInitdb(context, join(work, 'data'), signal);
    await runCommand(['cp', '-R', '-p', join(work, 'data'), draft], {
      what: 'Keeping the initdb result',
      ...plain(context),
      signal,
    });
    await rename(draft, template).catch(ifAlreadyThere);
    return template;
  } finally {
    await Promise.all([work, draft].map((path) => rm(path, { recursive: true, force: true })));
  }
}

async function runInitdb(context: PlanContext, folder: string, signal: AbortSignal): Promise<void> {
  const locale = context.linux ? 'C.UTF-8' : 'C';
  const auth = ['--auth-local=peer', '--auth-host=reject'];
  const argv = [
    '-D',
    folder,
    '-U',
    'postgres',
    '-E',
    'UTF8',
    `--locale=${locale}`,
    '--data-checksums',
    '--no-sync',
    ...auth,
  ];
  await runCommand([join(context.binaries.postgresBin, 'initdb'), ...argv], {
    what: 'initdb',
    ...asServer(context),
    cwd: tmpdir(),
    timeoutMs: INITDB_TIMEOUT_MS,
    signal,
  });
}

async function copyFolder(
  context: PlanContext,
  from: string,
  to: string,
  signal: AbortSignal,
): Promise<void> {
  await runCommand(['cp', '-R', '-p', from, to], { what: `Copying ${from}`, ...plain(context), signal });
  if (context.owner === undefined) return;
  const owner = `${context.owner.uid}:${context.owner.gid}`;
  await runCommand(['chown', '-R', owner, to], { what: `Handing over ${to}`, ...plain(context), signal });
}

const plain = (context: PlanContext) => ({
  env: context.baseEnv,
  cwd: tmpdir(),
  timeoutMs: COPY_TIMEOUT_MS,
  noteIn: context.paths.dir,
});

const asServer = (context: PlanContext) => ({
  env: { ...context.baseEnv, HOME: context.paths.serverRoot },
  noteIn: context.paths.dir,
  ...(context.owner === undefined ? {} : { owner: context.owner }),
});

function ifAlreadyThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST' && error.code !== 'ENOTEMPTY') throw error;
}
