import { setImmediate as immediate } from 'node:timers/promises';
import { UpliftError } from '../../core/error.ts';
import type { waitFor } from '../../core/wait.ts';
import { Crash } from './switches.ts';

// For tests of steps: what a model of servers and the process that acts on it have in common.

/** How a life of the process meets one of its effects. Absent: none of them is met. */
export interface Meeting {
  /** Number of the effect in this life, from 0. */
  readonly effect: number;
  /** The effect happens before the process dies (or hears that it did not); else it does by half, or not at all. */
  readonly late: boolean;
  /** It is told of an error and lives on, in place of dying. */
  readonly refused?: boolean;
}

/** A process that acts on servers in memory, and can die at any of its effects; the servers live on. */
export class Mortal {
  crashed = false;
  /** Effects of this life so far. */
  calls = 0;
  /** What happened, of all lives. */
  readonly effects: string[] = [];
  #meeting: Meeting | undefined;
  #looks = 0;
  #later: { readonly at: number; readonly run: () => void }[] = [];

  /** Begins another life. */
  live(meeting?: Meeting): void {
    Object.assign(this, { crashed: false, calls: 0 });
    this.#meeting = meeting;
  }

  /** Throws where the process is dead. */
  alive(): void {
    if (this.crashed) throw new Crash('the process is dead');
  }

  /** One effect, with the places around it where the process may die. */
  protected async act(name: string, work: () => void, half: () => void = () => undefined): Promise<void> {
    this.alive();
    const met = this.calls === this.#meeting?.effect ? this.#meeting : undefined;
    this.calls += 1;
    if (met === undefined || met.late) {
      this.effects.push(name);
      work();
    } else half();
    if (met === undefined) return;
    if (met.refused === true) throw new Error(`${name} was refused`);
    this.crashed = true;
    throw new Crash(`died at ${name}`);
  }

  /** A look: time goes on with each, and what the servers do by themselves happens in it. */
  protected pass(): void {
    this.#looks += 1;
    const due = this.#later.filter(({ at }) => at <= this.#looks);
    this.#later = this.#later.filter(({ at }) => at > this.#looks);
    for (const event of due) event.run();
  }

  /** What the servers do by themselves after so many looks more. */
  protected after(looks: number, run: () => void): void {
    this.#later.push({ at: this.#looks + looks, run });
  }

  /** `waitFor` by the number of looks in place of the clock: a busy machine changes nothing of what comes out. */
  readonly waitByLooks: typeof waitFor = async (probe, { what, timeoutMs, intervalMs = 100 }) => {
    let last: unknown;
    for (let look = 0; look <= timeoutMs / intervalMs; look += 1) {
      this.alive();
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
  };
}

/** Anything but a death fails the test. */
export function onlyCrash(error: unknown): void {
  let cause: unknown = error;
  while (cause instanceof Error && !(cause instanceof Crash)) ({ cause } = cause);
  if (!(cause instanceof Crash)) throw error;
}
