import type { Cluster, ClusterState, Topics } from '../../../../clients/kafka/ports.ts';
import { TOPICS } from '../../../../contract/records.ts';
import { Mortal } from '../../../../steps/testing/mortal.ts';
import type { BrokerActuator } from '../../../actuators/process.ts';
import { type KafkaTopology, topologyOf } from '../../../kafka/topology.ts';
import type { KafkaStepContext } from '../index.ts';

// For tests: a Kafka cluster and an actuator in memory. Time goes on with every look that is taken at it; the process
// that acts on it can die before, in the middle of or after any effect.

interface ModelBroker {
  readonly id: number;
  readonly rack: string;
  process: 'up' | 'stopped' | 'gone';
  /** It has read its log and answers; one that was killed has to begin anew. */
  booted: boolean;
  fenced: boolean;
}

interface ModelPartition {
  readonly topic: string;
  readonly partition: number;
  replicas: number[];
  leader: number;
  isr: number[];
}

export interface ModelOptions {
  /** Looks from the last word of a broker to the controller fencing it. */
  readonly sessionLooks?: number;
  /** Looks from the start of a broker to its registration. */
  readonly bootLooks?: number;
  /** Looks from its registration to every ISR being full. */
  readonly catchUpLooks?: number;
  /** So many elections are asked for before one is heard. */
  readonly vain?: number;
}

const IDS = [1, 2, 3];

/** Three racks; each broker first in every third partition, and broker 1 leads one more. */
function freshPartitions(): ModelPartition[] {
  const places = [
    { topic: TOPICS.commands, count: 4 },
    { topic: TOPICS.events, count: 4 },
    { topic: '__consumer_offsets', count: 2 },
  ];
  return places.flatMap(({ topic, count }) =>
    Array.from({ length: count }, (_, partition): ModelPartition => {
      const replicas = IDS.map((_id, at) => IDS[(partition + at) % IDS.length] ?? 0);
      return { topic, partition, replicas, leader: replicas[0] ?? -1, isr: [...IDS] };
    }),
  );
}

const unused = async (): Promise<never> => Promise.reject(new TypeError('no step needs this'));
const firstHalf = <T>(all: readonly T[]): T[] => all.slice(0, Math.floor(all.length / 2));

export class KafkaModel extends Mortal {
  readonly brokers: ModelBroker[] = IDS.map((id) => ({
    ...{ id, rack: `az-${'abc'[id - 1]}`, process: 'up', booted: true, fenced: false },
  }));
  readonly partitions = freshPartitions();
  /** Partitions whose set of replicas was changed: data moves, under a throttle that somebody has to take away. */
  readonly moving: string[] = [];
  vain: number;
  readonly #options: ModelOptions;

  constructor(options: ModelOptions = {}) {
    super();
    this.#options = options;
    this.vain = options.vain ?? 0;
  }

  of(id: number): ModelBroker {
    const found = this.brokers.find((broker) => broker.id === id);
    if (found === undefined) throw new Error(`no broker ${id}`);
    return found;
  }

  /** As it is, without a look at it. */
  state(): unknown {
    const sorted = this.partitions.map((place) => ({ ...place, isr: place.isr.toSorted() }));
    return structuredClone({ brokers: this.brokers, partitions: sorted, moving: this.moving });
  }

  topology(): KafkaTopology {
    return topologyOf(this.#described());
  }

  get context(): KafkaStepContext {
    const cluster: Cluster = {
      ...{ quorum: unused, topicConfigs: unused, silent: unused, reassignments: unused, close: unused },
      describe: async ({ topics }) => {
        this.#look();
        const all = this.#described();
        return { ...all, topics: all.topics.filter(({ name }) => topics?.includes(name) ?? true) };
      },
      brokerConfigs: async (ids) => {
        this.#look();
        return new Map(ids.flatMap((id) => (this.#answers(this.of(id)) ? [[id, []]] : [])));
      },
    };
    return {
      ...{ cluster, topics: this.#topics(), monoNs: () => 0n, actuatorOf: () => this.#actuator() },
      kafkaPace: { wait: this.waitByLooks, pause: async () => undefined },
    };
  }

  #look(): void {
    this.alive();
    this.pass();
  }

  #answers({ process, booted }: ModelBroker): boolean {
    return process === 'up' && booted;
  }

  #described(): ClusterState {
    const listed = this.brokers.filter(({ fenced }) => !fenced);
    return {
      clusterId: 'here',
      brokers: listed.map(({ id, rack }) => ({ id, rack, host: 'h', port: id })),
      topics: [...Map.groupBy(this.partitions, ({ topic }) => topic)].map(([name, places]) => ({
        ...{ name, id: `id of ${name}`, internal: name.startsWith('__') },
        partitions: places.map(({ partition, leader, replicas, isr }) => ({
          ...{ partition, leader, leaderEpoch: 0, offlineReplicas: [] },
          ...{ replicas: [...replicas], isr: [...isr] },
        })),
      })),
    };
  }

  #actuator(): BrokerActuator {
    return {
      describe: async (id) => ({ ok: this.of(id).process === 'up', text: `broker ${id}` }),
      running: async (id) => this.of(id).process === 'up',
      hanging: async (id) => this.of(id).process === 'stopped',
      hang: (id) => this.act(`stop ${id}`, () => this.#stop(this.of(id))),
      // A kill is two signals: whoever dies in between leaves a stopped process.
      kill: async (id) => {
        await this.act(`stop ${id}`, () => this.#stop(this.of(id)));
        await this.act(`kill ${id}`, () => Object.assign(this.of(id), { process: 'gone', booted: false }));
      },
      start: (id) => this.act(`start ${id}`, () => this.#start(this.of(id))),
    };
  }

  #topics(): Topics {
    const at = (places: readonly { readonly topic: string; readonly partition: number }[]) =>
      this.partitions.filter((place) =>
        places.some(({ topic, partition }) => topic === place.topic && partition === place.partition),
      );
    return {
      create: unused,
      reassign: async (wanted) => {
        const reorder = (some: typeof wanted): void => {
          for (const { topic, partition, replicas } of some)
            for (const place of at([{ topic, partition }])) this.#reorder(place, replicas);
        };
        const order = wanted.map(({ replicas: [first] }) => first).join('');
        const [all, half] = [() => reorder(wanted), () => reorder(firstHalf(wanted))];
        await this.act(`reorder to ${order}`, all, half);
        return wanted.map(({ topic, partition }) => ({ topic, partition, error: null }));
      },
      electPreferred: async (wanted) => {
        const elect = (some: readonly ModelPartition[]): void => {
          if (this.vain > 0) this.vain -= 1;
          else for (const place of some) this.#elect(place);
        };
        const places = at(wanted);
        const [all, half] = [() => elect(places), () => elect(firstHalf(places))];
        await this.act(`elect ${places.length}`, all, half);
        return wanted.map(({ topic, partition }) => ({ topic, partition, result: 'elected' }));
      },
    };
  }

  #reorder(place: ModelPartition, replicas: readonly number[]): void {
    if (place.replicas.toSorted().join() !== replicas.toSorted().join())
      this.moving.push(`${place.topic}/${place.partition}`);
    place.replicas = [...replicas];
  }

  #elect(place: ModelPartition): void {
    const [preferred = -1] = place.replicas;
    if (place.isr.includes(preferred) && !this.of(preferred).fenced) place.leader = preferred;
  }

  #stop(broker: ModelBroker): void {
    if (broker.process !== 'up') return;
    broker.process = 'stopped';
    this.after(this.#options.sessionLooks ?? 1, () => {
      if (!this.#answers(broker)) this.#fence(broker);
    });
  }

  /** Leaders go to the next replica in sync, and stay there when the broker is back. */
  #fence(broker: ModelBroker): void {
    broker.fenced = true;
    for (const place of this.partitions) {
      place.isr = place.isr.filter((id) => id !== broker.id);
      if (place.leader === broker.id)
        place.leader = place.replicas.find((id) => place.isr.includes(id)) ?? -1;
    }
  }

  #start(broker: ModelBroker): void {
    if (broker.process === 'up') return;
    const anew = broker.process === 'gone';
    broker.process = 'up';
    if (!anew && !broker.fenced) return;
    this.after(this.#options.bootLooks ?? 1, () => {
      if (broker.process !== 'up') return;
      // A broker that registers anew before its session was over is taken out as well: it is another one now.
      this.#fence(broker);
      Object.assign(broker, { booted: true, fenced: false });
      this.after(this.#options.catchUpLooks ?? 1, () => {
        if (this.#answers(broker) && !broker.fenced)
          for (const place of this.partitions) place.isr = [...new Set([...place.isr, broker.id])];
      });
    });
  }
}
