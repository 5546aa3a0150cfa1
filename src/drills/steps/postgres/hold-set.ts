import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { reasonOf, UpliftError } from '../../../core/error.ts';
import type { Step } from '../../../core/step.ts';
import { type StepKind, stepRegistry } from '../../../steps/kind.ts';
import type { PostgresActuator } from '../../actuators/postgres.ts';
import { letGo, poolOf, serversOf } from './acts.ts';
import { chooseMostAdvanced } from './choose.ts';
import { gather } from './follow.ts';
import { promoteStep } from './kinds.ts';
import { misplaced, setLedBy, syncTextFor } from './places.ts';
import { switchoverSteps, takeOverKinds } from './plans.ts';
import { endPromotions } from './promotion.ts';
import {
  leadersOf,
  lookAtAll,
  lookOnceAnswered,
  type PostgresSet,
  type PostgresStepContext,
  postgresSetSchema,
  successorOf,
  waitPlaced,
} from './set.ts';
import { makeWhole } from './whole.ts';

const PLACED_MS = 60_000;
const STEADY_LOOKS = 4;
const STEADY_EVERY_MS = 250;
/** Who leads changes twice at most on the way back: somebody is elected, then it is switched. */
const ROUNDS = 4;

const holdArgs = z.object({ set: postgresSetSchema });
type HoldArgs = z.infer<typeof holdArgs>;

/**
 * Changes nothing: it journals the set as it was, so that its undo is promised before anything is broken. A promotion
 * cannot be taken back, so the way back is another one: the planned switch to the server that led before. Undo ends once
 * the same server leads, the others stream from it, rule, slots and pool are as before, in several looks one after
 * another. Whoever was cut off in it may be anywhere on that way, so it looks first and goes on from there.
 */
export const holdSetStep: StepKind<PostgresStepContext, HoldArgs> = {
  kind: 'postgres.holdSet',
  version: 1,
  parse: (args) => holdArgs.parse(args),
  describe: ({ set }) => `hold the set led by ${set.primary}: ${set.servers.join(', ')}`,
  do: async () => null,
  async verify({ set }, context) {
    const [difference] = await differencesOf(set, context);
    if (difference !== undefined) throw new Error(`the set changed since the preflight: ${difference}`);
  },
  async undo({ set }, context, { signal }) {
    const servers = serversOf(context, set);
    const way: string[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const looks = await lookOnceAnswered(set, servers, signal);
      const [leader, second] = leadersOf(looks);
      if (second !== undefined)
        throw new Error(`${leader} and ${second} both take writes: stop the wrong one by hand`);
      if (leader === set.primary) {
        await settle(set, context, signal);
        return { leader, way };
      }
      if (leader === undefined) way.push(await elect(set, context, signal));
      else way.push(await switchBack(setLedBy(set, leader), set.primary, context, signal));
    }
    throw new Error(`${set.primary} does not lead after ${way.join('; ')}`);
  },
  undoTimeoutMs: 420_000,
};

/** What is not as it was, as sentences; empty means restored. */
export async function differencesOf(set: PostgresSet, context: PostgresStepContext): Promise<string[]> {
  const looks = await lookAtAll(set, serversOf(context, set));
  const servers = misplaced(set, set.primary, looks);
  if (set.pool === null) return servers;
  const { server, paused } = await poolOf(context, set).look();
  return [
    ...servers,
    ...(server === set.primary ? [] : [`the pool leads to ${server ?? 'nobody'}, led to ${set.primary}`]),
    ...(paused ? ['the pool holds its clients'] : []),
  ];
}

/** It leads again: everybody follows it, the pool leads to it, and that stays so. */
async function settle(set: PostgresSet, context: PostgresStepContext, signal: AbortSignal): Promise<void> {
  const servers = serversOf(context, set);
  await gather(set, servers, set.primary, signal);
  if (set.pool !== null) await letGo(context, set, set.primary);
  await waitPlaced(set, servers, set.primary, { timeoutMs: PLACED_MS, signal });
  context.onRestore?.(`${set.primary} leads, the others stream`);
  const pause = context.pause ?? delay;
  for (let look = 0; look < STEADY_LOOKS; look += 1) {
    const differences = await differencesOf(set, context);
    if (differences.length > 0) {
      const message = `${differences.length} differences are left: ${differences.slice(0, 3).join('; ')}`;
      throw new UpliftError('UPL-NOT-RESTORED', { message });
    }
    await pause(STEADY_EVERY_MS);
  }
}

/** The planned way from who leads now to the server that led before. Says what it did. */
async function switchBack(
  now: PostgresSet,
  to: string,
  context: PostgresStepContext,
  signal: AbortSignal,
): Promise<string> {
  const servers = serversOf(context, now);
  // Who is to lead must have everything: a switch to one that does not stream would be refused.
  await gather(now, servers, now.primary, signal);
  await waitPlaced(now, servers, now.primary, { timeoutMs: PLACED_MS, signal });
  context.onRestore?.(`planned switch from ${now.primary} to ${to}`);
  return switchOrStay(now, to, context, signal);
}

/**
 * A planned switch that keeps its leader where it cannot be proved that the next one has everything: the old one has
 * been stopped by then and clients are held, so it leads again and they go on. Says which of the two it was.
 */
async function switchOrStay(
  now: PostgresSet,
  to: string,
  context: PostgresStepContext,
  signal: AbortSignal,
): Promise<string> {
  const steps = switchoverSteps(now, to);
  // From the promotion on there is no way to stay: one that was asked for may come true after its deadline.
  const promotion = steps.findIndex(({ kind }) => kind === promoteStep.kind);
  try {
    await perform(steps.slice(0, promotion), context, signal);
  } catch (error) {
    const servers = serversOf(context, now);
    if (signal.aborted) throw error;
    const cameTrue = (leader: string): string =>
      `${leader} had been promoted in place of ${now.primary} (${reasonOf(error)})`;
    // Asked for by somebody who died, and true while it was proved that it may be asked for.
    const successor = successorOf(now, await lookAtAll(now, servers));
    if (successor !== undefined) return cameTrue(successor);
    const { leader } = await makeWhole(now, servers, signal);
    if (now.pool !== null) await letGo(context, now, leader);
    if (leader !== now.primary) return cameTrue(leader);
    return `${now.primary} kept leading (${reasonOf(error)})`;
  }
  await perform(steps.slice(promotion), context, signal);
  return `switched from ${now.primary} to ${to}`;
}

/** Nobody leads: goes on with the switch that was cut off, or finds who has most. Says what it did. */
async function elect(set: PostgresSet, context: PostgresStepContext, signal: AbortSignal): Promise<string> {
  const servers = serversOf(context, set);
  const looks = [...(await lookAtAll(set, servers))];
  for (const [server, look] of looks) {
    if (!look.up && !look.stopped) throw new Error(`${server} does not answer and may lead (${look.reason})`);
  }
  const stopped = looks.flatMap(([server, look]) => (look.up ? [] : [server]));
  const [only, another] = stopped;
  if (only === undefined) return promoteMostAdvanced(set, servers);
  // One that ended as a replica did not lead: it may have less than those that answer.
  if (another === undefined && only !== set.primary && (await endedAsLeader(servers, only)))
    return switchOrStay(setLedBy(set, only), set.primary, context, signal);
  const timelines = looks.flatMap(([, look]) => (look.up ? [look.timeline] : []));
  const last = await servers.lastLife(set.primary);
  if (another === undefined && timelines.every((timeline) => timeline === last?.timeline)) {
    await makeWhole(set, servers, signal);
    return `started ${set.primary}: nobody was promoted`;
  }
  for (const server of stopped) await servers.start(server, 'standby');
  return `started ${stopped.join(', ')} as replicas`;
}

async function endedAsLeader(servers: PostgresActuator, server: string): Promise<boolean> {
  const last = await servers.lastLife(server);
  return last !== undefined && !last.state.includes('recovery');
}

/** All of them answer and none leads: what was acknowledged is on the one that is furthest. */
async function promoteMostAdvanced(set: PostgresSet, servers: PostgresActuator): Promise<string> {
  const looks = await lookAtAll(set, servers);
  const replicas = [...looks].map(([server, look]) => ({ server, look }));
  const candidates = [set.primary, ...set.servers.filter((server) => server !== set.primary)];
  const silent = replicas.find(({ look }) => !look.up || !look.inRecovery);
  if (silent !== undefined) throw new Error(`${silent.server} is no replica that answers`);
  const choice = chooseMostAdvanced({ replicas, candidates, sync: null });
  if (!choice.ok) throw new Error(choice.reason);
  const { server, lsn, timeline } = choice;
  const late = await endPromotions(set, servers, looks, { leader: server, timeline });
  if (late !== undefined) return `${late} had been promoted`;
  await servers.setRole(server, { leads: true, synchronousStandbyNames: syncTextFor(set, server) });
  await servers.promote(server);
  return `promoted ${server} at ${lsn}`;
}

const registry = stepRegistry(takeOverKinds);

/** The steps of a switch inside of an undo: they have no undo of their own there, the undo itself is run again. */
async function perform(
  steps: readonly Step[],
  context: PostgresStepContext,
  signal: AbortSignal,
): Promise<void> {
  for (const step of steps) {
    const kind = registry.find(step);
    const args = kind.parse?.(step.args) ?? step.args;
    await kind.do(args, context, { signal });
    await kind.verify(args, context, { signal });
  }
}
