import { EXIT } from '../../core/exit.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { Action, Deps } from '../../deps.ts';
import {
  createLog,
  type Env,
  type RoleContext,
  realAdapters,
  runAll,
  runCommands,
  runGateway,
  runProjector,
  runSweeper,
} from '../../service/index.ts';

type Empty = Record<string, never>;

/** How long a role may take to drain after a signal. Then it is ended: what it still held is unknown to its callers. */
const DRAIN_LIMIT_MS = 10_000;

export const serveGateway: Action<Empty> = (deps) => serve(deps, 'gateway', runGateway);
export const serveCommands: Action<Empty> = (deps) => serve(deps, 'commands', runCommands);
export const serveProjector: Action<Empty> = (deps) => serve(deps, 'projector', runProjector);
export const serveSweeper: Action<Empty> = (deps) => serve(deps, 'sweeper', runSweeper);
export const serveAll: Action<Empty> = (deps) => serve(deps, 'all', runAll);

async function serve(
  deps: Deps,
  role: string,
  run: (env: Env, context: RoleContext) => Promise<void>,
): Promise<Outcome> {
  const log = createLog(role, deps.env);
  let limit: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    // Unref'd: it fires only if something still keeps the process alive by then.
    limit = setTimeout(() => {
      log.error({ limitMs: DRAIN_LIMIT_MS }, 'not drained in time');
      process.exit(EXIT.deadline);
    }, DRAIN_LIMIT_MS);
    limit.unref();
  };
  deps.signal.addEventListener('abort', onAbort, { once: true });
  await run(deps.env, { adapters: realAdapters, log, signal: deps.signal });
  // It is drained: a collector that has not answered yet must not make that untrue.
  clearTimeout(limit);
  return { exit: EXIT.ok, kind: 'service.role', data: { role, drained: true }, blocks: [] };
}
