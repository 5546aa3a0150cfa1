import { z } from 'zod';
import type { RedisActuator } from '../../actuators/process.ts';
import type { RedisSettlePorts } from '../../redis/settle.ts';
import type { RedisPlace, RedisTopology } from '../../redis/topology.ts';

/** What the steps act through; `redisOf` is given what the step itself names: a units folder, or a region's commands. */
export interface RedisStepContext extends RedisSettlePorts {
  readonly redisOf: (units: string) => RedisActuator;
  readonly monoNs: () => bigint;
  readonly onRestore?: (text: string) => void;
}

export const topologySchema = z.object({
  nodes: z.array(
    z.object({
      id: z.string(),
      address: z.string(),
      role: z.enum(['master', 'replica']),
      masterId: z.string().nullable(),
      ranges: z.array(z.string()),
    }),
  ),
});

/** The place of a node that the topology of the same step has. */
export function placeOf(topology: RedisTopology, id: string): RedisPlace {
  const found = topology.nodes.find((node) => node.id === id);
  if (found === undefined) throw new Error(`node ${id} is not in the topology of this step`);
  return found;
}
