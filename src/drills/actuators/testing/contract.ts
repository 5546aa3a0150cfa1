import { expect } from 'vitest';
import { procEntry } from '../../../clients/process/proc-table.ts';
import { waitFor } from '../../../core/wait.ts';
import { effectWait, type ProcessActuator } from '../process.ts';

/** A server that may be broken, and an actuator that says it can. At first it runs. */
export interface ActuatorWorld<Name> {
  readonly actuator: ProcessActuator<Name>;
  readonly name: Name;
  /** Nobody has this name. */
  readonly absent: Name;
  /** The pid that the server has, or had; looked up beside the actuator. */
  readonly pid: () => Promise<number>;
  /** The actuator as another process makes it, which knows only what is on disk. */
  readonly another: () => ProcessActuator<Name>;
  /** Everything that is on disk about a process says this pid from now on, with another start time. */
  readonly reuse: (pid: number) => Promise<void>;
  /** How long an effect is waited for beside what the actuator says; less where it is known not to come. */
  readonly patienceMs?: number;
  /** A process that has nothing to do with it. */
  readonly bystander: () => Promise<number>;
}

/** One promise of an actuator; throws where it is not kept. */
export interface Clause {
  readonly promise: string;
  readonly check: <Name>(world: ActuatorWorld<Name>) => Promise<void>;
}

type Seen = 'running' | 'hung' | 'gone';

/** What the kernel says of a server, whatever its actuator says. */
async function seenOf<Name>({ pid }: ActuatorWorld<Name>): Promise<Seen> {
  const entry = await procEntry(await pid());
  if (entry === undefined) return 'gone';
  return entry.stopped ? 'hung' : 'running';
}

/** Both the actuator and the kernel come to say so. */
async function becomes<Name>(world: ActuatorWorld<Name>, wanted: Seen): Promise<void> {
  const { actuator, name } = world;
  const { timeoutMs, intervalMs } = effectWait(actuator);
  const wait = { what: `${String(name)} is ${wanted}`, intervalMs };
  const agreed = async (): Promise<boolean> => {
    const seen = await seenOf(world);
    const [running, hanging] = [await actuator.running(name), await actuator.hanging(name)];
    if (seen !== wanted) throw new Error(`the kernel says ${seen}`);
    if (running !== (wanted === 'running')) throw new Error(`running says ${running}`);
    if (hanging !== (wanted === 'hung')) throw new Error(`hanging says ${hanging}`);
    return true;
  };
  await waitFor(agreed, { ...wait, timeoutMs: world.patienceMs ?? timeoutMs + 2000 });
}

async function untouched<Name>(world: ActuatorWorld<Name>, pid: number): Promise<void> {
  expect(await world.pid()).toBe(pid);
  expect(await seenOf(world)).toBe('running');
}

/** What every actuator promises. Each clause begins with a world of its own. */
export const CONTRACT: readonly Clause[] = [
  {
    promise: 'it has hold of what runs, for either act',
    async check({ actuator, name }) {
      for (const act of ['kill', 'hang'] as const) {
        const held = await actuator.describe(name, act);
        expect(held).toMatchObject({ ok: true });
        expect(held.text).not.toBe('');
      }
      expect([await actuator.running(name), await actuator.hanging(name)]).toEqual([true, false]);
    },
  },
  {
    promise: 'what is not there is refused by name, and nothing else is touched',
    async check(world) {
      const { actuator, absent } = world;
      const pid = await world.pid();
      const held = await actuator.describe(absent);
      expect(held.ok).toBe(false);
      expect(held.text).toContain(String(absent));
      await expect(actuator.kill(absent)).rejects.toThrow();
      await expect(actuator.hang(absent)).rejects.toThrow();
      await expect(actuator.start(absent)).rejects.toThrow();
      await expect(actuator.running(absent)).rejects.toThrow();
      await expect(actuator.hanging(absent)).rejects.toThrow();
      await untouched(world, pid);
    },
  },
  {
    promise: 'a kill is seen, and there is no hold of what is gone',
    async check(world) {
      await world.actuator.kill(world.name);
      await becomes(world, 'gone');
      expect(await world.actuator.describe(world.name)).toMatchObject({ ok: false });
    },
  },
  {
    promise: 'a hang is seen as such, not as a kill, and twice is once',
    async check(world) {
      const pid = await world.pid();
      await world.actuator.hang(world.name);
      await becomes(world, 'hung');
      await world.actuator.hang(world.name);
      await becomes(world, 'hung');
      expect(await world.pid()).toBe(pid);
    },
  },
  {
    promise: 'what was killed is started anew, and twice is once',
    async check(world) {
      const before = await world.pid();
      await world.actuator.kill(world.name);
      await becomes(world, 'gone');
      await world.actuator.start(world.name);
      await becomes(world, 'running');
      const after = await world.pid();
      expect(after).not.toBe(before);
      await world.actuator.start(world.name);
      await untouched(world, after);
    },
  },
  {
    promise: 'what hangs is woken, and goes on as the same process',
    async check(world) {
      const pid = await world.pid();
      await world.actuator.hang(world.name);
      await becomes(world, 'hung');
      await world.actuator.start(world.name);
      await becomes(world, 'running');
      await untouched(world, pid);
    },
  },
  {
    promise: 'what hangs can be killed, and comes back',
    async check(world) {
      await world.actuator.hang(world.name);
      await becomes(world, 'hung');
      await world.actuator.kill(world.name);
      await becomes(world, 'gone');
      await world.actuator.start(world.name);
      await becomes(world, 'running');
    },
  },
  {
    promise: 'a second kill does nothing, and what is gone cannot hang',
    async check(world) {
      const { actuator, name } = world;
      await actuator.kill(name);
      await becomes(world, 'gone');
      await actuator.kill(name);
      await expect(actuator.hang(name)).rejects.toThrow();
      await becomes(world, 'gone');
    },
  },
  {
    promise: 'an undo of what never happened leaves it alone, by this process or another',
    async check(world) {
      const pid = await world.pid();
      await world.actuator.start(world.name);
      await world.another().start(world.name);
      await untouched(world, pid);
    },
  },
  {
    promise: 'another process puts back what this one did, and twice is harmless',
    async check(world) {
      for (const act of ['kill', 'hang'] as const) {
        await world.actuator[act](world.name);
        await becomes(world, act === 'kill' ? 'gone' : 'hung');
        await world.another().start(world.name);
        await becomes(world, 'running');
        const pid = await world.pid();
        await world.another().start(world.name);
        await untouched(world, pid);
      }
    },
  },
  {
    promise: 'two at once are one: kills, and starts',
    async check(world) {
      const { actuator, name } = world;
      await Promise.all([actuator.kill(name), actuator.kill(name)]);
      await becomes(world, 'gone');
      await Promise.all([actuator.start(name), actuator.start(name), actuator.start(name)]);
      await becomes(world, 'running');
      const pid = await world.pid();
      await actuator.start(name);
      await untouched(world, pid);
    },
  },
  {
    promise: 'a start beside a kill ends where the actuator says it did',
    async check(world) {
      const { actuator, name } = world;
      await Promise.allSettled([actuator.kill(name), actuator.start(name)]);
      await becomes(world, (await actuator.running(name)) ? 'running' : 'gone');
      await actuator.start(name);
      await becomes(world, 'running');
    },
  },
  {
    promise: 'one that was stopped before it began was done or was not, as it says',
    async check(world) {
      const before = await world.pid();
      const killed = await world.actuator.kill(world.name, AbortSignal.abort(new Error('Ctrl-C'))).then(
        () => true,
        () => false,
      );
      if (killed) await becomes(world, 'gone');
      else await untouched(world, before);
    },
  },
  {
    promise: 'a pid that belongs to another process by now is never signalled',
    async check(world) {
      const { actuator, name } = world;
      const other = await world.bystander();
      await world.reuse(other);
      for (const act of ['kill', 'hang', 'start'] as const) {
        await actuator[act](name).catch(() => undefined);
        expect(await procEntry(other)).toMatchObject({ pid: other, stopped: false });
      }
    },
  },
];
