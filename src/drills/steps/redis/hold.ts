import { z } from 'zod';
import type { StepKind } from '../../../steps/kind.ts';
import { lookAtAll, RESTORE_TIMEOUT_MS, restoreMasters, waitRestored, waitUp } from '../../redis/settle.ts';
import { diffRedis } from '../../redis/topology.ts';
import { type RedisStepContext, topologySchema } from './args.ts';

const holdSchema = z.object({ topology: topologySchema, nodeTimeoutMs: z.number().positive() });
type HoldArgs = z.infer<typeof holdSchema>;

/**
 * Changes nothing: it journals who leads which slots, so that its undo — everybody up, the old masters back as linked
 * replicas, then leading again, the difference empty on every node's view — is promised before anything is broken.
 */
export const holdRedisStep: StepKind<RedisStepContext, HoldArgs> = {
  kind: 'drill.redis.hold',
  version: 1,
  parse: (args) => holdSchema.parse(args),
  describe: ({ topology }) => `hold the topology of ${topology.nodes.length} Redis nodes`,
  do: async () => null,
  async verify({ topology }, context) {
    const [first] = diffRedis(topology, await lookAtAll(context, topology));
    if (first !== undefined) throw new Error(`the topology changed since the preflight: ${first}`);
  },
  async undo({ topology, nodeTimeoutMs }, context) {
    await waitUp(context, topology.nodes);
    const asked = await restoreMasters(context, topology, nodeTimeoutMs);
    const mastersNs = context.monoNs();
    context.onRestore?.('Redis masters as before');
    await waitRestored(context, topology);
    context.onRestore?.('every Redis node agrees');
    return { asked, mastersNs: mastersNs.toString(), agreedNs: context.monoNs().toString() };
  },
  undoTimeoutMs: RESTORE_TIMEOUT_MS,
};
