import { z } from 'zod';
import { isUpliftError } from '../../../core/error.ts';
import type { StepKind } from '../../../steps/kind.ts';
import { lookAtAll, paceOf } from '../../redis/settle.ts';
import { leads, type RedisTopology } from '../../redis/topology.ts';
import { placeOf, type RedisStepContext, topologySchema } from './args.ts';

const failoverSchema = z.object({
  topology: topologySchema,
  /** Ids of the master that steps down and of the replica that takes over. */
  from: z.string(),
  to: z.string(),
});
type FailoverArgs = z.infer<typeof failoverSchema>;

/**
 * CLUSTER FAILOVER on a replica: the master holds writes back until the replica has all of them. OK only says that it
 * was begun. Undo waits until nothing can come of a handover that is under way; who leads is put back by the hold.
 */
export const failoverRedisStep: StepKind<RedisStepContext, FailoverArgs> = {
  kind: 'drill.redis.failover',
  version: 1,
  parse: (args) => failoverSchema.parse(args),
  describe: ({ topology, from, to }) =>
    `CLUSTER FAILOVER from ${placeOf(topology, from).address} to ${placeOf(topology, to).address}`,
  async do({ topology, from, to }, context) {
    const replica = context.redis.at(placeOf(topology, to).address);
    const master = context.redis.at(placeOf(topology, from).address);
    const askedNs = context.monoNs();
    if ((await replica.role()).role !== 'master') await replica.failover();
    await paceOf(context).wait(
      async () => (await replica.role()).role === 'master' && (await master.role()).role === 'replica',
      { what: 'both have changed places (Redis gives up by itself after 5 s)', ...handover(context) },
    );
    return { askedNs: askedNs.toString(), changedNs: context.monoNs().toString() };
  },
  async verify({ topology, from, to }, context) {
    const { wait, patienceMs: timeoutMs, lookEveryMs: intervalMs } = paceOf(context);
    await wait(async () => agreed(topology, from, to, context), {
      what: `every Redis node says that ${placeOf(topology, to).address} leads`,
      ...{ timeoutMs, intervalMs },
    });
  },
  async undo({ topology, from, to }, context) {
    const target = placeOf(topology, to);
    const { ranges } = placeOf(topology, from);
    const came = paceOf(context).wait(
      async () => (await lookAtAll(context, { nodes: [target] })).some((l) => leads(l, ranges)),
      {
        what: 'a handover that may be under way',
        ...handover(context),
      },
    );
    await came.catch((error: unknown) => {
      if (!isUpliftError(error, 'UPL-DEADLINE')) throw error;
    });
    return null;
  },
};

function handover(context: RedisStepContext): { timeoutMs: number; intervalMs: number } {
  const { manualFailoverMs, lookEveryMs } = paceOf(context);
  // A handover takes milliseconds.
  return { timeoutMs: manualFailoverMs, intervalMs: lookEveryMs / 10 };
}

async function agreed(
  topology: RedisTopology,
  from: string,
  to: string,
  context: RedisStepContext,
): Promise<boolean> {
  const ranges = placeOf(topology, from).ranges.join();
  const looks = await lookAtAll(context, topology);
  return looks.every(
    (look) => look.seen && look.view.nodes.find(({ id }) => id === to)?.ranges.join() === ranges,
  );
}
