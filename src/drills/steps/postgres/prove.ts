import { z } from 'zod';
import type { StepKind } from '../../../steps/kind.ts';
import type { LastLife, ServerLook } from '../../actuators/postgres.ts';
import { serversOf, settledReplicas } from './acts.ts';
import { lsnOf } from './choose.ts';
import {
  lookAtAll,
  type PostgresSet,
  type PostgresStepContext,
  postgresSetSchema,
  successorOf,
} from './set.ts';

const proveArgs = z.object({ set: postgresSetSchema, candidates: z.array(z.string()).min(1) });
type ProveArgs = z.infer<typeof proveArgs>;

interface Proof {
  readonly [key: string]: string | null;
  /** Where the clean shutdown ended; null: somebody leads already, and there is nothing left to compare. */
  readonly shutDownAt: string | null;
  readonly candidate: string | null;
  readonly receivedThrough: string | null;
}

const OVER: Proof = { shutDownAt: null, candidate: null, receivedThrough: null };

/**
 * Nothing can be lost by what comes next: the primary shut down cleanly and a candidate has received its last record.
 * Where that is not so the switch ends here, before anybody was promoted, and is undone. Changes nothing.
 */
export const proveCompleteStep: StepKind<PostgresStepContext, ProveArgs, Proof> = {
  kind: 'postgres.proveComplete',
  version: 1,
  parse: (args) => proveArgs.parse(args),
  describe: ({ set, candidates }) =>
    `prove that ${candidates.join(' or ')} has everything that ${set.primary} wrote`,
  async do({ set, candidates }, context, { signal }) {
    const servers = serversOf(context, set);
    if (await isOver(set, context)) return OVER;
    const last = await servers.lastLife(set.primary);
    if (last === undefined) throw new Error(`${set.primary} still runs`);
    if (last.state !== 'shut down')
      throw new Error(`${set.primary} ended as "${last.state}": its last records may be nowhere else`);
    // None receives any more: who has not got the last record by now never will.
    const replicas = await settledReplicas(set, servers, signal);
    // A promotion that somebody asked for who died may have come true since the look before.
    if (await isOver(set, context)) return OVER;
    const [complete] = replicas.flatMap(({ server, look }) => {
      const receivedThrough = candidates.includes(server) ? hasAll(look, last) : null;
      return receivedThrough === null ? [] : [{ candidate: server, receivedThrough }];
    });
    if (complete === undefined) {
      const where = `its last record, at ${last.checkpoint} on timeline ${last.timeline}`;
      throw new Error(`${candidates.join(', ')} has not received all of ${set.primary} (${where})`);
    }
    return { shutDownAt: last.checkpoint, ...complete };
  },
  verify: async () => undefined,
  // It only looks.
  undo: 'irreversible',
};

/** Pure: how far this replica has received, where that is past the shutdown record; null where it is not. */
export function hasAll(look: ServerLook | undefined, last: LastLife): string | null {
  if (look?.up !== true || !look.inRecovery || look.timeline !== last.timeline) return null;
  // The record begins at this position: who has it stands after it.
  return lsnOf(look.lsn) > lsnOf(last.checkpoint) ? look.lsn : null;
}

async function isOver(set: PostgresSet, context: PostgresStepContext): Promise<boolean> {
  const looks = await lookAtAll(set, serversOf(context, set));
  const primary = looks.get(set.primary);
  return successorOf(set, looks) !== undefined || (primary?.up === true && primary.inRecovery);
}
