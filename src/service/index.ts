import { openCluster, openGroups, openProduce, openRead } from '../clients/kafka/index.ts';
import { openSql } from '../clients/postgres/index.ts';
import { openBits, openClaims, openQuotas } from '../clients/redis/index.ts';
import type { Adapters, RoleContext } from './adapters.ts';
import { runCommands } from './commands/index.ts';
import { type Env, parseEnv } from './env.ts';
import { runGateway } from './gateway/index.ts';
import { runProjector } from './projector/index.ts';
import { runSweeper } from './sweeper/index.ts';

export type { Adapters, RoleContext } from './adapters.ts';
export { runCommands } from './commands/index.ts';
export { type Env, parseEnv } from './env.ts';
export { runGateway } from './gateway/index.ts';
export { type Migrated, runMigrate } from './migrate.ts';
export { runProjector } from './projector/index.ts';
export { createLog } from './runtime/log.ts';
export { runSweeper } from './sweeper/index.ts';

/** The shipped adapters: the safe producer and nothing else. */
export const realAdapters: Adapters = {
  openProduce,
  openRead,
  openCluster,
  openGroups,
  openSql,
  openClaims,
  openQuotas,
  openBits,
};

/** All roles in one process, for a laptop: HTTP_PORT is the gateway, the next are commands, projector, sweeper. */
export async function runAll(env: Env, context: RoleContext): Promise<void> {
  const { HTTP_PORT } = parseEnv(env);
  const at = (offset: number): Env => ({
    ...env,
    HTTP_PORT: String(HTTP_PORT === 0 ? 0 : HTTP_PORT + offset),
  });
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const roles = [runGateway(at(0), { ...context, signal })];
  const { onListening: _, ...rest } = context;
  roles.push(runCommands(at(1), { ...rest, signal }), runProjector(at(2), { ...rest, signal }));
  roles.push(runSweeper(at(3), { ...rest, signal }));
  try {
    await Promise.all(roles);
  } finally {
    // One role that cannot run ends the others too: a process that does half its work looks alive.
    stop.abort();
    await Promise.allSettled(roles);
  }
}
