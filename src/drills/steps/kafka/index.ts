import { z } from 'zod';
import { waitFor } from '../../../core/wait.ts';
import type { AnyStepKind, StepKind } from '../../../steps/kind.ts';
import type { BrokerActuator } from '../../actuators/process.ts';
import { type SettlePorts, waitRegistered } from '../../kafka/settle.ts';
import { holdTopologyStep } from './hold.ts';
import { moveLeadersStep } from './move-leaders.ts';

/** What the steps act through; `actuatorOf` is given the units folder that the step itself names. */
export interface KafkaStepContext extends SettlePorts {
  readonly actuatorOf: (units: string) => BrokerActuator;
  readonly monoNs: () => bigint;
  readonly onRestore?: (text: string) => void;
}

const REGISTER_MS = 60_000;

const brokerSchema = z.object({ units: z.string(), broker: z.int() });
type BrokerArgs = z.infer<typeof brokerSchema>;
type BrokerStep = StepKind<KafkaStepContext, BrokerArgs>;

/** Starts or wakes a broker and returns once it is registered and answers; one that runs is left alone. */
const bringBack: Exclude<BrokerStep['undo'], 'irreversible'> = async ({ units, broker }, context) => {
  await context.actuatorOf(units).start(broker);
  await waitRegistered(context, [broker], REGISTER_MS);
  context.onRestore?.(`broker ${broker} back`);
  return { registeredNs: context.monoNs().toString() };
};

/** SIGKILL to one broker. Undo starts it again; a broker that runs is left alone. */
export const killBrokerStep: BrokerStep = {
  kind: 'drill.killBroker',
  version: 1,
  parse: (args) => brokerSchema.parse(args),
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
  undo: bringBack,
  undoTimeoutMs: REGISTER_MS + 10_000,
};

/**
 * SIGSTOP to one broker: its sockets stay open and nothing answers, which is what a stalled disk or a long pause of the
 * collector looks like from outside. Undo wakes it; it then finds that it was fenced and registers again.
 */
export const hangBrokerStep: BrokerStep = {
  kind: 'drill.hangBroker',
  version: 1,
  parse: (args) => brokerSchema.parse(args),
  describe: ({ broker }) => `SIGSTOP broker ${broker}`,
  async do({ units, broker }, { actuatorOf, monoNs }) {
    const stoppedNs = monoNs();
    await actuatorOf(units).hang(broker);
    return { stoppedNs: stoppedNs.toString() };
  },
  async verify({ units, broker }, { actuatorOf }) {
    if (!(await actuatorOf(units).hanging(broker))) throw new Error(`broker ${broker} is not stopped`);
  },
  undo: bringBack,
  undoTimeoutMs: REGISTER_MS + 10_000,
};

/** Every kind that acts on Kafka. */
export const kafkaKinds: readonly AnyStepKind<KafkaStepContext>[] = [
  holdTopologyStep,
  killBrokerStep,
  hangBrokerStep,
  moveLeadersStep,
];
