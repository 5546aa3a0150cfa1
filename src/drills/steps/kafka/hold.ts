import { z } from 'zod';
import type { Json } from '../../../core/step.ts';
import type { StepKind } from '../../../steps/kind.ts';
import {
  remainingDifferences,
  requireRestored,
  restoreLeaders,
  type SettlePorts,
  waitIsr,
  waitRegistered,
} from '../../kafka/settle.ts';
import type { KafkaTopology } from '../../kafka/topology.ts';

const REGISTER_MS = 60_000;
const ISR_MS = 120_000;
const LEADERS_MS = 30_000;

const topologySchema: z.ZodType<KafkaTopology> = z.object({
  clusterId: z.string(),
  brokers: z.array(z.object({ id: z.int(), rack: z.string().nullable() })),
  partitions: z.array(
    z.object({
      topic: z.string(),
      topicId: z.string(),
      partition: z.int(),
      leader: z.int(),
      replicas: z.array(z.int()),
      isr: z.array(z.int()),
    }),
  ),
  throttles: z.array(z.object({ of: z.string(), name: z.string(), value: z.string() })).optional(),
});
const holdSchema = z.object({ topology: topologySchema });
export type HoldArgs = z.infer<typeof holdSchema> & Json;

interface HoldContext extends SettlePorts {
  readonly monoNs: () => bigint;
  readonly onRestore?: (text: string) => void;
}

/**
 * Changes nothing: it journals the topology that will have to be put back, so that its undo — full ISR, preferred
 * leaders, empty difference — is promised before anything is broken.
 */
export const holdTopologyStep: StepKind<HoldContext, HoldArgs> = {
  kind: 'drill.holdTopology',
  version: 1,
  parse: (args) => holdSchema.parse(args) as HoldArgs,
  describe: ({ topology }) =>
    `hold the topology of ${topology.brokers.length} brokers and ${topology.partitions.length} partitions`,
  do: async () => null,
  async verify({ topology }, { cluster }) {
    const differences = await remainingDifferences({ cluster }, topology);
    if (differences.length > 0)
      throw new Error(`the topology changed since the preflight: ${differences[0] ?? ''}`);
  },
  async undo({ topology }, context) {
    await waitRegistered(
      context,
      topology.brokers.map(({ id }) => id),
      REGISTER_MS,
    );
    await waitIsr(context, topology, ISR_MS);
    const isrFullNs = context.monoNs();
    context.onRestore?.('every ISR full');
    const elected = await restoreLeaders(context, topology, LEADERS_MS);
    await requireRestored(context, topology);
    context.onRestore?.('leaders as before');
    return { isrFullNs: isrFullNs.toString(), leadersNs: context.monoNs().toString(), elected };
  },
  undoTimeoutMs: REGISTER_MS + ISR_MS + LEADERS_MS,
};
