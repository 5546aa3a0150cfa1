import { z } from 'zod';
import type { StepKind } from '../../../steps/kind.ts';
import { isLetGo, letGo, poolOf, requireFenced, requireReached, serversOf, settledReplicas } from './acts.ts';
import { chooseMostAdvanced } from './choose.ts';
import { gather, rejoin } from './follow.ts';
import { syncTextFor } from './places.ts';
import { endPromotions } from './promotion.ts';
import {
  leadersOf,
  lookAtAll,
  lookOnceAnswered,
  type PostgresStepContext,
  postgresSetSchema,
  requireSuccessor,
  successorOf,
  waitPlaced,
} from './set.ts';
import { MAKE_WHOLE_MS, makeWhole } from './whole.ts';

const PLACED_MS = 60_000;

const setArgs = z.object({ set: postgresSetSchema });
type SetArgs = z.infer<typeof setArgs>;
/** `killedByUs`: the same run killed the primary, so that its undo may start it again. */
const holdArgs = setArgs.extend({ killedByUs: z.boolean().default(false) });
type HoldArgs = z.infer<typeof holdArgs>;
const fenceArgs = setArgs.extend({ how: z.enum(['kill', 'stop']) });
type FenceArgs = z.infer<typeof fenceArgs>;
const promoteArgs = setArgs.extend({ candidates: z.array(z.string()).min(1) });
type PromoteArgs = z.infer<typeof promoteArgs>;

type Kind<A extends SetArgs, R extends { readonly [key: string]: string | boolean | null }> = StepKind<
  PostgresStepContext,
  A,
  R
>;

/** CHECKPOINT on the primary, before clients have to wait for what a shutdown would otherwise do then. */
export const checkpointStep: Kind<SetArgs, { checkpointed: boolean }> = {
  kind: 'postgres.checkpoint',
  version: 1,
  parse: (args) => setArgs.parse(args),
  describe: ({ set }) => `CHECKPOINT on ${set.primary}`,
  async do({ set }, context) {
    const servers = serversOf(context, set);
    const look = await servers.look(set.primary);
    // Repeated after the switch: nobody waits for this one any more.
    if (!look.up || look.inRecovery) return { checkpointed: false };
    await servers.checkpoint(set.primary);
    return { checkpointed: true };
  },
  verify: async () => undefined,
  // Nothing is left of it that could be taken back.
  undo: 'irreversible',
};

/**
 * Clients wait in the pool instead of meeting a server that is gone. Undo points the pool to whoever leads by then and
 * lets them go on, so it stands for the steps between as well.
 */
export const holdPoolStep: Kind<HoldArgs, { paused: boolean }> = {
  kind: 'postgres.holdPool',
  version: 1,
  parse: (args) => holdArgs.parse(args),
  describe: ({ set }) => `hold the clients of ${set.pool?.database ?? 'no pool'}`,
  async do({ set }, context) {
    // Repeated after clients went on: they need not wait for a rewind.
    if (await isLetGo(context, set)) return { paused: false };
    await poolOf(context, set).hold();
    return { paused: true };
  },
  async verify({ set }, context) {
    const { paused } = await poolOf(context, set).look();
    if (!paused && !(await isLetGo(context, set))) throw new Error('the pool is not held');
  },
  async undo({ set, killedByUs }, context, { signal }) {
    const servers = serversOf(context, set);
    let [leader, second] = leadersOf(await lookOnceAnswered(set, servers, signal));
    if (leader === undefined && killedByUs) ({ leader } = await makeWhole(set, servers, signal));
    if (leader === undefined) throw new Error('no server takes writes: clients stay held');
    if (second !== undefined) throw new Error(`${leader} and ${second} both take writes: clients stay held`);
    return { ...(await letGo(context, set, leader)) };
  },
  undoTimeoutMs: MAKE_WHOLE_MS,
};

/**
 * The primary writes no more, whoever starts it. Undo makes the set whole again: the old primary leads as before where
 * nobody was promoted; where somebody was, the others follow that one and the old primary rejoins as its replica.
 */
export const fenceStep: Kind<FenceArgs, { fenced: boolean; was: string }> = {
  kind: 'postgres.fence',
  version: 1,
  parse: (args) => fenceArgs.parse(args),
  describe: ({ set, how }) => `${how === 'kill' ? 'SIGKILL and fence' : 'stop and fence'} ${set.primary}`,
  async do({ set, how }, context) {
    const servers = serversOf(context, set);
    const look = await servers.look(set.primary);
    // A replica by now: the run was finished before, and this one is only repeated.
    if (look.up && look.inRecovery) return { fenced: false, was: 'replica' };
    await servers.fence(set.primary, how);
    return { fenced: true, was: look.up ? 'leader' : look.reason };
  },
  async verify({ set }, context) {
    await requireFenced(set, serversOf(context, set));
  },
  undo: ({ set }, context, { signal }) => makeWhole(set, serversOf(context, set), signal),
  undoTimeoutMs: MAKE_WHOLE_MS,
};

/** The most advanced replica takes over, with the synchronous standbys it will have. */
export const promoteStep: Kind<PromoteArgs, Promoted> = {
  kind: 'postgres.promote',
  version: 1,
  parse: (args) => promoteArgs.parse(args),
  describe: ({ set, candidates }) => `promote ${candidates.join(' or ')} in place of ${set.primary}`,
  async do({ set, candidates }, context, { signal }) {
    const servers = serversOf(context, set);
    await requireFenced(set, servers);
    const found = (promoted: string): Promoted => ({
      ...{ promoted, from: null, timeline: null, holdsEveryAcknowledged: null },
    });
    const already = successorOf(set, await lookAtAll(set, servers));
    if (already !== undefined) return found(already);
    const replicas = await settledReplicas(set, servers, signal);
    const others = new Map(replicas.map((replica) => [replica.server, replica.look]));
    // Asked for by somebody who died, and true only now.
    const meanwhile = successorOf(set, others);
    if (meanwhile !== undefined) return found(meanwhile);
    const choice = chooseMostAdvanced({ replicas, candidates, sync: set.sync });
    if (!choice.ok) throw new Error(choice.reason);
    const { server, lsn, timeline, holdsEveryAcknowledged } = choice;
    // Somebody who died may have chosen another one.
    const late = await endPromotions(set, servers, others, { leader: server, timeline });
    if (late !== undefined) return found(late);
    // Before it leads: a rule inherited from the old leader could name itself, and every commit would wait for ever.
    // And before it is asked to: by its role everybody else can tell that it may be in promotion.
    const synchronousStandbyNames = syncTextFor(set, server);
    await servers.setRole(server, { leads: true, synchronousStandbyNames });
    await servers.promote(server);
    return { promoted: server, from: lsn, timeline: String(timeline), holdsEveryAcknowledged };
  },
  async verify({ set }, context) {
    const servers = serversOf(context, set);
    const leader = await requireSuccessor(set, servers);
    const look = await servers.look(leader);
    if (!look.up) throw new Error(`${leader} does not answer: ${look.reason}`);
    if (look.synchronousStandbyNames !== syncTextFor(set, leader))
      throw new Error(`${leader} leads with the standbys '${look.synchronousStandbyNames}'`);
    return { leader, lsn: look.lsn };
  },
  // The new timeline cannot be taken back: what was acknowledged on it would be lost. The way back is the same plan again.
  undo: 'irreversible',
};

interface Promoted {
  readonly [key: string]: string | boolean | null;
  readonly promoted: string;
  readonly from: string | null;
  readonly timeline: string | null;
  readonly holdsEveryAcknowledged: boolean | null;
}

/** Slots on the new primary, and the other replicas stream from it; the fenced one comes later. */
export const repointStep: Kind<SetArgs, { leader: string }> = {
  kind: 'postgres.repointReplicas',
  version: 1,
  parse: (args) => setArgs.parse(args),
  describe: ({ set }) => `repoint the other replicas from ${set.primary}`,
  async do({ set }, context, { signal }) {
    const servers = serversOf(context, set);
    const leader = await requireSuccessor(set, servers);
    await gather(set, servers, leader, signal);
    return { leader };
  },
  async verify({ set }, context, { signal }) {
    const servers = serversOf(context, set);
    const leader = await requireSuccessor(set, servers);
    await waitPlaced(set, servers, leader, { timeoutMs: PLACED_MS, except: [set.primary], signal });
  },
  // There is nobody else to follow once one is promoted. A run that stopped before it is completed by the undo of the fence.
  undo: 'irreversible',
};

/** The pool leads to the new primary, and its clients go on. */
export const pointPoolStep: Kind<SetArgs, { leader: string }> = {
  kind: 'postgres.pointPool',
  version: 1,
  parse: (args) => setArgs.parse(args),
  describe: ({ set }) => `point ${set.pool?.database ?? 'no pool'} to the new primary and let clients go on`,
  async do({ set }, context) {
    const leader = await requireSuccessor(set, serversOf(context, set));
    await letGo(context, set, leader);
    return { leader };
  },
  async verify({ set }, context) {
    const leader = await requireSuccessor(set, serversOf(context, set));
    await requireReached(context, set, leader);
  },
  // The undo of the hold does the same.
  undo: 'irreversible',
};

/** The fenced server comes back as a replica of the new primary. */
export const rejoinStep: Kind<SetArgs, { leader: string; how: string | null; divergedAt: string | null }> = {
  kind: 'postgres.rejoin',
  version: 1,
  parse: (args) => setArgs.parse(args),
  describe: ({ set }) => `rewind ${set.primary} and let it rejoin as a replica`,
  async do({ set }, context, { signal }) {
    const servers = serversOf(context, set);
    const leader = await requireSuccessor(set, servers);
    const rejoined = await rejoin(set, servers, { leader, server: set.primary, signal });
    return { leader, how: rejoined?.how ?? null, divergedAt: rejoined?.divergedAt ?? null };
  },
  async verify({ set }, context, { signal }) {
    const servers = serversOf(context, set);
    await waitPlaced(set, servers, await requireSuccessor(set, servers), { timeoutMs: PLACED_MS, signal });
  },
  // What it alone had written is gone. Cut off half way, it is completed by the undo of the fence or by another run.
  undo: 'irreversible',
};
