import { z } from 'zod';
import type { StepKind } from '../../../steps/kind.ts';
import { serversOf } from './acts.ts';
import { type PostgresStepContext, postgresSetSchema } from './set.ts';
import { MAKE_WHOLE_MS, makeWhole } from './whole.ts';

const killArgs = z.object({ set: postgresSetSchema });
type KillArgs = z.infer<typeof killArgs>;

/**
 * What a crash is: SIGKILL to the primary with all its backends, and nothing that keeps it from leading when somebody
 * starts it. Apart from the fence, which is what a failover does about it. Undo makes the set whole, as that of the fence.
 */
export const killStep: StepKind<PostgresStepContext, KillArgs> = {
  kind: 'postgres.kill',
  version: 1,
  parse: (args) => killArgs.parse(args),
  describe: ({ set }) => `SIGKILL ${set.primary} with all its backends`,
  async do({ set }, context) {
    await serversOf(context, set).kill(set.primary);
    return { killed: set.primary };
  },
  async verify({ set }, context) {
    const look = await serversOf(context, set).look(set.primary);
    if (look.up) throw new Error(`${set.primary} still answers`);
    if (!look.stopped) throw new Error(`${set.primary} is not gone: ${look.reason}`);
  },
  undo: ({ set }, context, { signal }) => makeWhole(set, serversOf(context, set), signal),
  undoTimeoutMs: MAKE_WHOLE_MS,
};
