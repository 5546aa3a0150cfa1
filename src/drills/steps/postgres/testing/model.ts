import { slotOf } from '../../../../clients/postgres/standby.ts';
import { Mortal } from '../../../../steps/testing/mortal.ts';
import type { PoolerActuator, PostgresActuator, ServerLook, Standby } from '../../../actuators/postgres.ts';
import type { PostgresStepContext } from '../set.ts';
import { type ModelServer, newServers, type SlowPromotion } from './server.ts';

// For the tests of this folder: servers, a pooler and an actuator in memory that can die before or after any effect.

export class Model extends Mortal {
  readonly servers: Map<string, ModelServer>;
  readonly pool = { server: 'az-a', paused: false };
  /** So many of the next shutdowns exceed their grace and are killed. */
  killedStops = 0;
  slow: SlowPromotion = { looks: 0, endsInStop: false };
  /** Who was started does not answer so many looks; whoever started it waits, as long as it lives. */
  startsWithin = 0;
  /** The worst that was ever seen. */
  leadersAtOnce = 1;

  /** az-a has led and wrote this log; the replicas have the beginning of it. */
  constructor(log: readonly string[], received: readonly [number, number], alive: boolean) {
    super();
    this.servers = newServers(log, received, alive);
  }

  readonly context: PostgresStepContext = {
    postgresOf: () => this.actuator,
    poolerOf: () => this.pooler,
    pause: async () => undefined,
  };

  /**
   * As it is once replicas have streamed: processes, data folders, the roles beside them, slots, the pool. Timelines and
   * logs only grow: of them it is told whether a server has what the leader has.
   */
  state(): unknown {
    this.settle();
    const lead = [...this.servers.values()].find(({ running, recovering }) => running && !recovering);
    const servers = [...this.servers].map(([name, server]) => {
      const { running, marked, recovering, role, slots, broken } = server;
      const same = server.log.join() === lead?.log.join() && server.timeline === lead.timeline;
      return { name, running, marked, recovering, role, slots: [...slots].toSorted(), broken, same };
    });
    return structuredClone({ servers, pool: this.pool });
  }

  /** Everything that a process which undoes these steps could tell apart: two that are equal end equally. */
  key(pending: readonly { readonly intent: number }[]): string {
    const servers = [...this.servers].map(([, server]) => ({ ...server, slots: [...server.slots] }));
    return JSON.stringify([servers, this.pool, pending]);
  }

  of(name: string): ModelServer {
    const server = this.servers.get(name);
    if (server === undefined) throw new Error(`no server ${name}`);
    return server;
  }

  /** One effect. Replicas stream by themselves before and after. */
  #effect(name: string, work: () => void, half?: () => void): Promise<void> {
    const settled = (): void => {
      work();
      this.settle();
    };
    return this.act(name, settled, half);
  }

  /** Replicas stream by themselves. */
  settle(): void {
    const leaders = [...this.servers.values()].filter(({ running, recovering }) => running && !recovering);
    this.leadersAtOnce = Math.max(this.leadersAtOnce, leaders.length);
    for (const [name, server] of this.servers) {
      const { role } = server;
      if (!server.running || !server.recovering || role.leads || server.broken) continue;
      const leader = this.of(role.follows);
      if (!this.#streams(name, server, leader)) continue;
      server.log = [...leader.log];
      server.timeline = leader.timeline;
    }
  }

  /** A fast shutdown ends with a record, and standbys that stream get it before the server is gone. */
  #shutDown(server: ModelServer): void {
    if (server.promoting !== null && this.slow.endsInStop) this.#promoted(server);
    if (!server.recovering) server.log.push(`shut down on ${server.timeline}`);
    this.settle();
    server.clean = true;
  }

  #streams(name: string, server: ModelServer, leader: ModelServer): boolean {
    if (!server.running || !server.recovering || !leader.running || leader.recovering) return false;
    return leader.slots.has(slotOf(name)) && server.log.every((line, at) => leader.log[at] === line);
  }

  #standbysOf(leader: string): Standby[] {
    return [...this.servers].flatMap(([name, server]) => {
      const { role } = server;
      if (role.leads || role.follows !== leader || !this.#streams(name, server, this.of(leader))) return [];
      return [{ name: slotOf(name), state: 'streaming', syncState: 'quorum' }];
    });
  }

  #promoted(server: ModelServer): void {
    const timeline = server.timeline + 1;
    Object.assign(server, {
      recovering: false,
      marked: false,
      checkpointed: false,
      timeline,
      promoting: null,
    });
    server.log.push(`timeline ${timeline}`);
  }

  /** The request of a promotion. */
  #askToLead(server: ModelServer): void {
    const { looks } = this.slow;
    if (looks === 0) this.#promoted(server);
    // Asked again while it is on its way, it does not come sooner.
    if (looks === 0 || server.promoting !== null || !server.recovering) return;
    const request = this.effects.length;
    server.promoting = request;
    this.after(looks, () => {
      if (server.promoting !== request) return;
      this.#promoted(server);
      this.settle();
    });
  }

  /** Whatever was asked for and can still come true does. */
  land(): void {
    for (let look = 0; look <= this.slow.looks; look += 1) this.pass();
  }

  #look(name: string): ServerLook {
    this.alive();
    this.pass();
    const server = this.of(name);
    if (!server.running) return { up: false, stopped: true, reason: 'its process is exited' };
    if (server.silent > 0) {
      server.silent -= 1;
      return { up: false, stopped: false, reason: 'it is starting up' };
    }
    return {
      up: true,
      inRecovery: server.recovering,
      timeline: server.timeline,
      lsn: `0/${server.log.length.toString(16)}`,
      followsNobody: server.role.leads,
      receiving: !server.role.leads && this.#streams(name, server, this.of(server.role.follows)),
      synchronousStandbyNames: server.role.leads ? server.role.synchronousStandbyNames : '',
      standbys: this.#standbysOf(name),
      slots: [...server.slots],
    };
  }

  readonly actuator: PostgresActuator = {
    look: async (name) => this.#look(name),
    describe: async (name) => ({ ok: this.of(name).running, text: name }),
    inspect: () => Promise.reject(new Error('no step inspects')),
    lastLife: async (name) => {
      const { running, clean, recovering, timeline, log } = this.of(name);
      if (running) return undefined;
      const [cleanly, killed] = recovering
        ? ['shut down in recovery', 'in archive recovery']
        : ['shut down', 'in production'];
      const state = clean ? cleanly : killed;
      return { state, timeline, checkpoint: `0/${Math.max(0, log.length - 1).toString(16)}` };
    },
    kill: (name) =>
      this.#effect(`kill ${name}`, () => {
        const server = this.of(name);
        if (server.running) Object.assign(server, { running: false, clean: false, promoting: null });
      }),
    fence: (name, how) =>
      this.#effect(`fence ${name}`, () => {
        const server = this.of(name);
        const killed = how === 'kill' || this.killedStops > 0;
        if (server.running && how === 'stop' && killed) this.killedStops -= 1;
        if (server.running && !killed) this.#shutDown(server);
        else if (server.running) server.clean = false;
        Object.assign(server, { running: false, marked: true, promoting: null });
      }),
    setRole: (name, role) => this.#effect(`role of ${name}`, () => Object.assign(this.of(name), { role })),
    promote: async (name) => {
      await this.#effect(`promote ${name}`, () => this.#askToLead(this.of(name)));
      while (this.of(name).promoting !== null) this.pass();
    },
    setSlots: (name, wanted) =>
      this.#effect(`slots of ${name}`, () => Object.assign(this.of(name), { slots: new Set(wanted) })),
    checkpoint: (name) =>
      this.#effect(`checkpoint on ${name}`, () => Object.assign(this.of(name), { checkpointed: true })),
    rejoin: async (name, leader, how) => {
      this.alive();
      const server = this.of(name);
      Object.assign(server, { running: false, promoting: null });
      await this.#effect(
        `${how} ${name}`,
        () => {
          const source = this.of(leader);
          const copies = how === 'copy' || server.broken;
          if (copies || source.checkpointed)
            Object.assign(server, { log: [...source.log], timeline: source.timeline });
          Object.assign(server, { marked: true, broken: false });
        },
        () => Object.assign(server, { broken: true, marked: false }),
      );
      return { how: how === 'copy' ? 'copied' : 'rewound', divergedAt: null };
    },
    start: async (name, as) => {
      const server = this.of(name);
      await this.#effect(`start ${name} as ${as}`, () => {
        const standby = as === 'standby';
        if (server.recovering !== standby || !server.running)
          Object.assign(server, { promoting: null, silent: this.startsWithin });
        Object.assign(server, { running: true, marked: standby, recovering: standby });
      });
      server.silent = 0;
    },
  };

  readonly pooler: PoolerActuator = {
    look: async () => ({ ...this.pool }),
    settings: () => Promise.reject(new Error('no step asks for settings')),
    hold: () => this.#effect('hold', () => Object.assign(this.pool, { paused: true })),
    point: (server) => this.#effect(`point to ${server}`, () => Object.assign(this.pool, { server })),
    release: () => this.#effect('release', () => Object.assign(this.pool, { paused: false })),
    reaches: async () => {
      const { running, recovering } = this.of(this.pool.server);
      return { server: running ? this.pool.server : null, writable: running && !recovering };
    },
  };
}
