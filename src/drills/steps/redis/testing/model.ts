import type { RedisNode, RedisNodes, RedisRole } from '../../../../clients/redis/ports.ts';
import { Mortal } from '../../../../steps/testing/mortal.ts';
import type { RedisActuator } from '../../../actuators/process.ts';
import type { RedisLook } from '../../../redis/look.ts';
import { lookAtNodes } from '../../../redis/look.ts';
import { type RedisTopology, topologyOf } from '../../../redis/topology.ts';
import type { RedisStepContext } from '../index.ts';
import { freshNodes, lineOf, type Node } from './node.ts';

// For tests: a Redis Cluster and an actuator in memory. Time goes on with every look that is taken at it; the process
// that acts on it can die before or after any effect.

export interface ModelOptions {
  /** Looks from the death of a master to its replica leading. */
  readonly electionLooks?: number;
  /** Looks from CLUSTER FAILOVER to both having changed places. */
  readonly failoverLooks?: number;
  /** Looks from the start of a node to the others knowing it. */
  readonly gossipLooks?: number;
  /** So many CLUSTER FAILOVERs answer OK and come to nothing. */
  readonly vain?: number;
  readonly persists?: boolean;
}

/** Of a look at one node; time goes on with each. */
const QUESTIONS = 2;

export class RedisModel extends Mortal {
  readonly nodes: Node[];
  vain: number;
  readonly #options: ModelOptions;

  constructor(options: ModelOptions = {}) {
    super();
    this.#options = options;
    this.vain = options.vain ?? 0;
    this.nodes = freshNodes();
  }

  /** As it is, without a look at it; epochs only grow. */
  state(): unknown {
    return structuredClone(this.nodes.map((node) => ({ ...node, epoch: null })));
  }

  of(address: string): Node {
    const found = this.nodes.find((node) => node.address === address);
    if (found === undefined) throw new Error(`no node ${address}`);
    return found;
  }

  readonly redis: RedisNodes = { at: (address) => this.#ask(address), close: async () => undefined };

  readonly context: RedisStepContext = {
    redis: this.redis,
    redisPace: { lookEveryMs: 1, manualFailoverMs: 60, patienceMs: 200, wait: this.waitByLooks },
    redisOf: () => this.#actuator(),
    monoNs: () => 0n,
  };

  looks(): Promise<RedisLook[]> {
    return lookAtNodes(
      this.redis,
      this.nodes.map(({ address }) => address),
    );
  }

  async topology(): Promise<RedisTopology> {
    return topologyOf(await this.looks());
  }

  #ask(address: string): RedisNode {
    const up = (): Node => {
      const node = this.of(address);
      if (node.state !== 'up') throw new Error('connection refused');
      return node;
    };
    const unused = (): never => {
      throw new TypeError('no step needs this');
    };
    return {
      ...{ address, info: unused, config: unused, values: unused, remove: unused, close: unused },
      clusterNodes: async () => {
        this.pass();
        const self = up();
        return this.nodes.map((node) => lineOf(node, node === self));
      },
      clusterInfo: async () => {
        up();
        return new Map([
          [
            'cluster_state',
            this.nodes.every((node) => node.ranges.length === 0 || node.state === 'up') ? 'ok' : 'fail',
          ],
          ['cluster_slots_ok', '16384'],
        ]);
      },
      role: async () => {
        this.pass();
        return this.#roleOf(up());
      },
      failover: () => this.act(`failover ${address}`, () => this.#failover(up())),
    };
  }

  #roleOf(node: Node): RedisRole {
    if (node.masterId === null) return { role: 'master', offset: node.data.size };
    const link = node.linked && this.#masterOf(node)?.state === 'up' ? 'connected' : 'connect';
    return { role: 'replica', master: this.#masterOf(node)?.address ?? '', link, offset: node.data.size };
  }

  #masterOf({ masterId }: Node): Node | undefined {
    return this.nodes.find(({ id }) => id === masterId);
  }

  #actuator(): RedisActuator {
    const unused = async (): Promise<never> => Promise.reject(new TypeError('no step needs this'));
    return {
      ...{ describe: unused, hang: unused },
      running: async (address) => this.of(address).state === 'up',
      hanging: async (address) => this.of(address).state === 'stopped',
      // A kill is two signals: whoever dies in between leaves a stopped process.
      kill: async (address) => {
        await this.act(`stop ${address}`, () => this.#stop(this.of(address)));
        await this.act(`kill ${address}`, () => Object.assign(this.of(address), { state: 'gone' }));
      },
      start: (address) => this.act(`start ${address}`, () => this.#start(this.of(address))),
    };
  }

  #after(looks: number, run: () => void): void {
    this.after(1 + looks * QUESTIONS, run);
  }

  #stop(node: Node): void {
    if (node.state !== 'up') return;
    node.state = 'stopped';
    this.#after(this.#options.electionLooks ?? 1, () => this.#elect(node));
  }

  #elect(dead: Node): void {
    if (dead.state === 'up' || dead.ranges.length === 0) return;
    const next = this.nodes.find(({ masterId, state }) => masterId === dead.id && state === 'up');
    if (next !== undefined) this.#lead(next, dead);
  }

  #lead(next: Node, old: Node): void {
    const epoch = Math.max(...this.nodes.map((node) => node.epoch)) + 1;
    Object.assign(next, { masterId: null, ranges: old.ranges, epoch, linked: true });
    for (const node of this.nodes.filter(({ masterId }) => masterId === old.id)) node.masterId = next.id;
    Object.assign(old, { masterId: next.id, ranges: [] });
    this.#join(old);
  }

  /** A replica that is up copies what its master has, in its time. */
  #join(node: Node): void {
    node.linked = false;
    this.#after(1, () => {
      const master = this.#masterOf(node);
      if (master?.state !== 'up' || node.state !== 'up') return;
      Object.assign(node, { linked: true, data: new Set(master.data) });
    });
  }

  #start(node: Node): void {
    if (node.state === 'up') return;
    if (node.state === 'gone' && this.#options.persists !== true) node.data = new Set();
    Object.assign(node, { state: 'up', known: false });
    this.#after(this.#options.gossipLooks ?? 1, () => Object.assign(node, { known: true }));
    if (node.masterId !== null) this.#join(node);
    else for (const each of this.nodes.filter(({ masterId }) => masterId === node.id)) this.#join(each);
  }

  #failover(node: Node): void {
    const master = this.#masterOf(node);
    if (master === undefined) throw new Error('ERR You should send CLUSTER FAILOVER to a replica');
    if (master.state !== 'up' || !node.linked) throw new Error('ERR Master is down or failed');
    if (!node.known) return;
    if (this.vain > 0) {
      this.vain -= 1;
      return;
    }
    this.#after(this.#options.failoverLooks ?? 0, () => {
      if (node.masterId !== master.id || master.state !== 'up') return;
      node.data = new Set(master.data);
      this.#lead(node, master);
    });
  }
}
