import type { Step } from '../../core/step.ts';
import type { PendingUndo } from '../../steps/journal-kinds.ts';
import type { Mortal } from '../../steps/testing/mortal.ts';
import type { ServiceInstances } from '../engine/drill.ts';
import { BROKER_FAULTS, planOf as planBroker } from '../kafka/broker-drill.ts';
import { placesOf, planOf as planMoves } from '../kafka/producer-drill.ts';
import { leadsMost } from '../kafka/topology.ts';
import type { DrillId } from '../names.ts';
import {
  LOSS,
  planOf as planPostgres,
  SWITCHOVER,
  synchronousFirst,
  type Takeover,
} from '../postgres/drill.ts';
import { bestReplica } from '../redis/preflight.ts';
import { settingsOf } from '../redis/settings.ts';
import { largest, planOf as planRedis } from '../redis/shard-drill.ts';
import { planOf as planProjector } from '../service/projector-drill.ts';
import { KafkaModel } from '../steps/kafka/testing/model.ts';
import { lookAtAll } from '../steps/postgres/set.ts';
import { SET } from '../steps/postgres/testing/lives.ts';
import { Model as PostgresModel } from '../steps/postgres/testing/model.ts';
import type { SlowPromotion } from '../steps/postgres/testing/server.ts';
import { RedisModel } from '../steps/redis/testing/model.ts';
import { ServiceModel } from '../steps/service/testing/model.ts';
import type { DrillStepContext } from '../steps.ts';

// For tests: what each drill of the catalogue acts on, in memory, and the steps that its own planner makes of it.

export interface World {
  readonly model: Mortal & {
    /** Everything that has to be as it was. */
    state(): unknown;
    /** Everything that a process which recovers these steps could tell apart; absent: time goes on in the model, too. */
    key?(pending: readonly PendingUndo[]): string;
  };
  readonly steps: readonly Step[];
  readonly context: DrillStepContext;
  /** What only grows and must have lost nothing, as sentences. */
  readonly losses: () => readonly string[];
}

const UNITS = '/units';

/** A drill acts on one store: whatever it asks of another one ends the test. */
function contextOf(own: Partial<DrillStepContext>): DrillStepContext {
  return new Proxy(
    { monoNs: () => 0n, ...own },
    {
      get: (target, name) => {
        if (name in target || ['kafkaPace', 'redisPace', 'pause', 'onRestore'].includes(String(name)))
          return Reflect.get(target, name);
        throw new TypeError(`${String(name)} belongs to a store that this drill has nothing to do with`);
      },
    },
  ) as DrillStepContext;
}

function kafka(plan: (model: KafkaModel) => { readonly steps: readonly Step[] }): World {
  const model = new KafkaModel();
  return { model, context: contextOf(model.context), losses: () => [], ...stepsOf(plan(model)) };
}

const stepsOf = ({ steps }: { readonly steps: readonly Step[] }): { readonly steps: readonly Step[] } => ({
  steps,
});

function brokerWorld(fault: keyof typeof BROKER_FAULTS): World {
  return kafka((model) => {
    const topology = model.topology();
    const declared = [...new Set(topology.partitions.map(({ topic }) => topic))];
    const most = leadsMost(topology, declared);
    if (most === undefined) throw new TypeError('nobody leads');
    return planBroker({ topology, declared, fault: BROKER_FAULTS[fault], units: UNITS, ...most });
  });
}

async function redisWorld(mode: 'kill' | 'failover'): Promise<World> {
  const model = new RedisModel();
  const [looks, topology] = [await model.looks(), await model.topology()];
  const victim = largest(topology);
  const replica = victim === undefined ? undefined : bestReplica({ looks, topology, victim })?.place;
  if (victim === undefined || replica === undefined) throw new TypeError('no shard that can be struck');
  const settings = settingsOf(
    new Map([
      ['appendonly', 'no'],
      ['save', ''],
    ]),
  );
  const { steps } = planRedis(
    { topology, victim, replica, settings, nodeTimeoutMs: 5, mode },
    { units: UNITS },
  );
  return { model, steps, context: contextOf(model.context), losses: () => [] };
}

/** Every row that a client was told of; az-a alone has one more at the moment of the fault. */
const ACKNOWLEDGED = ['row 0', 'row 1', 'row 2'];

/** Promotions take no time, where nothing else is said. */
async function postgresWorld(takeover: Takeover, slow?: SlowPromotion) {
  const received: readonly [number, number] = takeover.crash ? [3, 2] : [4, 4];
  const model = new PostgresModel([...ACKNOWLEDGED, 'row 3'], received, true);
  if (slow !== undefined) model.slow = slow;
  const looks = await lookAtAll(SET, model.actuator);
  const candidates = synchronousFirst({ set: SET, looks });
  const chosen = takeover.crash ? candidates : candidates.slice(0, 1);
  const losses = (): string[] => [
    ...[...model.servers].flatMap(([name, { log }]) =>
      ACKNOWLEDGED.filter((row) => !log.includes(row)).map((row) => `${row} is lost on ${name}`),
    ),
    ...(model.leadersAtOnce === 1 ? [] : [`${model.leadersAtOnce} servers led at once`]),
  ];
  return {
    model,
    context: contextOf(model.context),
    losses,
    ...stepsOf(planPostgres(SET, chosen, takeover)),
  };
}

function projectorWorld(): World {
  const model = new ServiceModel();
  const at = (id: string) => ({ id, url: `http://${id}` });
  const service: ServiceInstances = {
    ...{ gateways: [at('gateway-1')], commands: [at('commands-1')] },
    ...{ projectors: [at('projector-1')], sweepers: [] },
  };
  const plan = planProjector({ service }, { units: UNITS, region: 'here' }, 'projector-1');
  return { model, context: contextOf(model.context), losses: () => [], ...stepsOf(plan) };
}

/** One for each drill: a drill without one does not compile. */
export const WORLDS: Readonly<Record<DrillId, () => World | Promise<World>>> = {
  'kafka-broker-loss': () => brokerWorld('loss'),
  'kafka-broker-hang': () => brokerWorld('hang'),
  'kafka-producer-safety': () => kafka((model) => planMoves(model.topology(), placesOf(model.topology()))),
  'redis-shard-loss': () => redisWorld('kill'),
  'redis-shard-failover': () => redisWorld('failover'),
  'postgres-switchover': () => postgresWorld(SWITCHOVER),
  'postgres-primary-loss': () => postgresWorld(LOSS),
  'projector-loss': () => projectorWorld(),
};

/** The same where a promotion comes true later than it is asked for. */
export const LATE_PROMOTIONS = {
  'postgres-switchover': (slow: SlowPromotion) => postgresWorld(SWITCHOVER, slow),
  'postgres-primary-loss': (slow: SlowPromotion) => postgresWorld(LOSS, slow),
};
