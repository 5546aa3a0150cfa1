import { setImmediate as immediate } from 'node:timers/promises';
import type { RedisNode, RedisNodes, RedisRole } from '../../../../clients/redis/ports.ts';
import { UpliftError } from '../../../../core/error.ts';
import type { WaitOptions } from '../../../../core/wait.ts';
import { Crash } from '../../../../steps/testing/switches.ts';
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

export class RedisModel {
  readonly nodes: Node[];
  /** Dies at its effect of this number; −1: never. */
  crashAt = -1;
  crashAfter = false;
  crashed = false;
  effects: string[] = [];
  vain: number;
  #looks = 0;
  #calls = 0;
  #later: { readonly at: number; readonly run: () => void }[] = [];
  readonly #options: ModelOptions;

  constructor(options: ModelOptions = {}) {
    this.#options = options;
    this.vain = options.vain ?? 0;
    this.nodes = freshNodes();
  }

  /** Another life of the process. */
  live(crashAt: number, crashAfter: boolean): void {
    Object.assign(this, { crashed: false, crashAt, crashAfter });
    this.#calls = 0;
  }

  of(address: string): Node {
    const found = this.nodes.find((node) => node.address === address);
    if (found === undefined) throw new Error(`no node ${address}`);
    return found;
  }

  readonly redis: RedisNodes = { at: (address) => this.#ask(address), close: async () => undefined };

  readonly context: RedisStepContext = {
    redis: this.redis,
    redisPace: { lookEveryMs: 1, manualFailoverMs: 60, patienceMs: 200, wait: waitByLooks },
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
        this.#pass();
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
        this.#pass();
        return this.#roleOf(up());
      },
      failover: () => this.#effect(`failover ${address}`, () => this.#failover(up())),
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
        await this.#effect(`stop ${address}`, () => this.#stop(this.of(address)));
        await this.#effect(`kill ${address}`, () => Object.assign(this.of(address), { state: 'gone' }));
      },
      start: (address) => this.#effect(`start ${address}`, () => this.#start(this.of(address))),
    };
  }

  async #effect(name: string, work: () => void): Promise<void> {
    if (this.crashed) throw new Crash('the process is dead');
    const dies = this.#calls === this.crashAt;
    this.#calls += 1;
    if (!dies || this.crashAfter) {
      this.effects.push(name);
      work();
    }
    if (!dies) return;
    this.crashed = true;
    throw new Crash(`died at ${name}`);
  }

  #pass(): void {
    this.#looks += 1;
    for (const event of this.#later.filter(({ at }) => at <= this.#looks)) event.run();
    this.#later = this.#later.filter(({ at }) => at > this.#looks);
  }

  #after(looks: number, run: () => void): void {
    this.#later.push({ at: this.#looks + 1 + looks * QUESTIONS, run });
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

/** `waitFor` by the number of looks in place of the clock: a busy machine changes nothing of what comes out. */
export async function waitByLooks<T>(
  probe: () => Promise<T | undefined | false>,
  { what, timeoutMs, intervalMs = 100 }: WaitOptions,
): Promise<T> {
  let last: unknown;
  for (let look = 0; look <= timeoutMs / intervalMs; look += 1) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await immediate();
  }
  throw new UpliftError('UPL-DEADLINE', { message: `${what}: not within ${timeoutMs} ms`, cause: last });
}
