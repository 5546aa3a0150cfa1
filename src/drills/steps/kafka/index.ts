import { z } from 'zod';
import { waitFor } from '../../../core/wait.ts';
import type { AnyStepKind, StepKind } from '../../../steps/kind.ts';
import { ACT_MS, type BrokerActuator, effectWait, START_MS, startsWithin } from '../../actuators/process.ts';
import { strikeText } from '../../actuators/through.ts';
import { type SettlePorts, waitRegistered } from '../../kafka/settle.ts';
import { holdTopologyStep } from './hold.ts';
import { moveLeadersStep } from './move-leaders.ts';

/** What the steps act through; `actuatorOf` is given what the step itself names: a units folder, or a region's commands. */
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

/** SIGKILL to one broker, or the region's own command. Undo starts it again; a broker that runs is left alone. */
export const killBrokerStep: BrokerStep = {
  kind: 'drill.killBroker',
  version: 1,
  parse: (args) => brokerSchema.parse(args),
  describe: ({ units, broker }) => strikeText(units, { signal: 'SIGKILL', act: 'kill' }, `broker ${broker}`),
  async do({ units, broker }, { actuatorOf, monoNs }, { signal }) {
    const killedNs = monoNs();
    await actuatorOf(units).kill(broker, signal);
    return { killedNs: killedNs.toString() };
  },
  async verify({ units, broker }, { actuatorOf }, { signal }) {
    const actuator = actuatorOf(units);
    const wait = { what: `broker ${broker} gone`, signal, ...effectWait(actuator) };
    await waitFor(async () => !(await actuator.running(broker)), wait);
  },
  undo: bringBack,
  timeoutMs: ACT_MS,
  undoTimeoutMs: REGISTER_MS + START_MS,
  undoWithinMs: ({ units }, { actuatorOf }) => REGISTER_MS + startsWithin(actuatorOf(units)),
};

/**
 * SIGSTOP to one broker: its sockets stay open and nothing answers, which is what a stalled disk or a long pause of the
 * collector looks like from outside. Undo wakes it; it then finds that it was fenced and registers again.
 */
export const hangBrokerStep: BrokerStep = {
  kind: 'drill.hangBroker',
  version: 1,
  parse: (args) => brokerSchema.parse(args),
  describe: ({ units, broker }) => strikeText(units, { signal: 'SIGSTOP', act: 'hang' }, `broker ${broker}`),
  async do({ units, broker }, { actuatorOf, monoNs }, { signal }) {
    const stoppedNs = monoNs();
    await actuatorOf(units).hang(broker, signal);
    return { stoppedNs: stoppedNs.toString() };
  },
  async verify({ units, broker }, { actuatorOf }, { signal }) {
    const actuator = actuatorOf(units);
    const wait = { what: `broker ${broker} hangs`, signal, ...effectWait(actuator) };
    await waitFor(async () => actuator.hanging(broker), wait);
  },
  undo: bringBack,
  timeoutMs: ACT_MS,
  undoTimeoutMs: REGISTER_MS + START_MS,
  undoWithinMs: ({ units }, { actuatorOf }) => REGISTER_MS + startsWithin(actuatorOf(units)),
};

/** Every kind that acts on Kafka. */
export const kafkaKinds: readonly AnyStepKind<KafkaStepContext>[] = [
  holdTopologyStep,
  killBrokerStep,
  hangBrokerStep,
  moveLeadersStep,
];
