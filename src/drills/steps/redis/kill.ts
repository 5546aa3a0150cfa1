import { z } from 'zod';
import { waitFor } from '../../../core/wait.ts';
import type { StepKind } from '../../../steps/kind.ts';
import { ACT_MS, effectWait, START_MS, startsWithin } from '../../actuators/process.ts';
import { strikeText } from '../../actuators/through.ts';
import { REDIS_PACE, waitPromoted, waitUp } from '../../redis/settle.ts';
import { placeOf, type RedisStepContext, topologySchema } from './args.ts';

const killSchema = z.object({
  units: z.string(),
  topology: topologySchema,
  /** Id of the master. */
  node: z.string(),
  nodeTimeoutMs: z.number().positive(),
  /** Whether it finds its data again by itself when it is started (an AOF, or snapshots). */
  persists: z.boolean(),
});
type KillArgs = z.infer<typeof killSchema>;

/**
 * SIGKILL to one master, or the region's own command. Undo starts it again, but never before a replica leads: a master that is back before that comes
 * with what its disk has, which without persistence is nothing, and its replicas copy that.
 */
export const killRedisStep: StepKind<RedisStepContext, KillArgs> = {
  kind: 'drill.redis.kill',
  version: 1,
  parse: (args) => killSchema.parse(args),
  describe: ({ units, topology, node }) =>
    strikeText(units, { signal: 'SIGKILL', act: 'kill' }, `Redis master ${placeOf(topology, node).address}`),
  async do({ units, topology, node }, { redisOf, monoNs }, { signal }) {
    const killedNs = monoNs();
    await redisOf(units).kill(placeOf(topology, node).address, signal);
    return { killedNs: killedNs.toString() };
  },
  async verify({ units, topology, node }, { redisOf }, { signal }) {
    const { address } = placeOf(topology, node);
    const actuator = redisOf(units);
    const wait = { what: `Redis at ${address} gone`, signal, ...effectWait(actuator) };
    await waitFor(async () => !(await actuator.running(address)), wait);
  },
  async undo(args, context) {
    const { units, topology, node } = args;
    const master = placeOf(topology, node);
    const actuator = context.redisOf(units);
    // One that was stopped and not yet killed has its data in memory; one that runs was never killed, or is back.
    const gone = !(await actuator.running(master.address)) && !(await actuator.hanging(master.address));
    if (gone) await requirePromoted(args, context);
    await actuator.start(master.address);
    await waitUp(context, [master]);
    context.onRestore?.(`Redis at ${master.address} back`);
    return { upNs: context.monoNs().toString() };
  },
  timeoutMs: ACT_MS,
  undoTimeoutMs: 2 * REDIS_PACE.patienceMs + START_MS,
  undoWithinMs: ({ units }, { redisOf }) => 2 * REDIS_PACE.patienceMs + startsWithin(redisOf(units)),
};

async function requirePromoted(args: KillArgs, context: RedisStepContext): Promise<void> {
  const { topology, nodeTimeoutMs, persists } = args;
  const master = placeOf(topology, args.node);
  if ((await waitPromoted(context, topology, master, nodeTimeoutMs)) || persists) return;
  throw new Error(
    `no replica was promoted, and Redis at ${master.address} keeps nothing on disk: started now it would empty its replicas. ` +
      'Ask a replica for CLUSTER FAILOVER FORCE, then recover again',
  );
}
