import { z } from 'zod';
import type { Json } from '../core/step.ts';
import { waitFor } from '../core/wait.ts';
import { type StepKind, stepRegistry } from '../steps/kind.ts';
import type { BrokerActuator } from './actuators/process.ts';
import { requireRestored, restoreLeaders, type SettlePorts, waitIsr, waitRegistered } from './settle.ts';
import { postgresKinds } from './steps/postgres/index.ts';
import type { PostgresStepContext } from './steps/postgres/set.ts';
import { diffTopology, type KafkaTopology, topologyOf } from './topology.ts';

/** What the steps of a drill act through; `actuatorOf` is given the units folder that the step itself names. */
export interface DrillStepContext extends SettlePorts, PostgresStepContext {
  readonly actuatorOf: (units: string) => BrokerActuator;
  readonly monoNs: () => bigint;
  readonly onRestore?: (text: string) => void;
}

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
});
const holdSchema = z.object({ topology: topologySchema });
type HoldArgs = z.infer<typeof holdSchema> & Json;
const killSchema = z.object({ units: z.string(), broker: z.int() });
type KillArgs = z.infer<typeof killSchema>;

/**
 * Changes nothing: it journals the topology that will have to be put back, so that its undo — full ISR, preferred
 * leaders, empty difference — is promised before anything is broken.
 */
export const holdTopologyStep: StepKind<DrillStepContext, HoldArgs> = {
  kind: 'drill.holdTopology',
  version: 1,
  parse: (args) => holdSchema.parse(args) as HoldArgs,
  describe: ({ topology }) =>
    `hold the topology of ${topology.brokers.length} brokers and ${topology.partitions.length} partitions`,
  do: async () => null,
  async verify({ topology }, { cluster }) {
    const differences = diffTopology(topology, topologyOf(await cluster.describe({ timeoutMs: 3000 })));
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

/** SIGKILL to one broker. Undo starts it again; a broker that runs is left alone. */
export const killBrokerStep: StepKind<DrillStepContext, KillArgs> = {
  kind: 'drill.killBroker',
  version: 1,
  parse: (args) => killSchema.parse(args),
  describe: ({ broker }) => `SIGKILL broker ${broker}`,
  async do({ units, broker }, { actuatorOf, monoNs }) {
    const killedNs = monoNs();
    await actuatorOf(units).kill(broker);
    return { killedNs: killedNs.toString() };
  },
  async verify({ units, broker }, { actuatorOf }) {
    await waitFor(async () => !(await actuatorOf(units).running(broker)), {
      what: `broker ${broker} gone`,
      timeoutMs: 5000,
    });
  },
  async undo({ units, broker }, context) {
    await context.actuatorOf(units).start(broker);
    await waitRegistered(context, [broker], REGISTER_MS);
    context.onRestore?.(`broker ${broker} back`);
    return { registeredNs: context.monoNs().toString() };
  },
  undoTimeoutMs: REGISTER_MS + 10_000,
};

/** Every kind a drill's journal may hold. */
export const drillSteps = stepRegistry<DrillStepContext>([
  holdTopologyStep,
  killBrokerStep,
  ...postgresKinds,
]);
