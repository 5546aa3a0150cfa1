import { setTimeout as delay } from 'node:timers/promises';
import {
  commandsOf,
  type ExecActionConfig,
  type ExecActuatorConfig,
  type ExecCommand,
  type ExecKind,
  type ExecTargetConfig,
} from '../../config/actuator.ts';
import { reasonOf } from '../../core/error.ts';
import { waitFor } from '../../core/wait.ts';
import { type AskedFile, askedFile } from './exec-asked.ts';
import {
  type CommandPlace,
  type Filling,
  filled,
  missingProgram,
  passedOn,
  runExec,
} from './exec-command.ts';
import { type Act, type Held, type Pace, type ProcessActuator, startBound } from './process.ts';

/** The commands of a region, where they run, and where it is kept which one was begun last. */
export interface ExecPlace extends CommandPlace {
  readonly name: string;
  readonly config: ExecActuatorConfig;
  readonly askedFolder: string;
  /** Default EXEC_PACE. */
  readonly pace?: typeof EXEC_PACE;
}

type State = 'running' | 'stopped' | 'hung';

/** A look is a program that is started. One that fails is repeated for `patienceMs` before an undo gives up. */
export const EXEC_PACE = { lookEveryMs: 500, patienceMs: 10_000 };

/** What the placeholders are filled with, and what it is called in messages. */
export type Known = Filling & { readonly what: string };

/** One thing that commands act on, with all that uplift.yaml says of it. */
interface Target {
  readonly what: string;
  readonly config: ExecTargetConfig;
  readonly filling: Filling;
  readonly asked: AskedFile;
}

/** Acts on the servers of one kind. `known`: undefined for what uplift.yaml does not name; nothing is run for it. */
export class ExecActuator<Name> implements ProcessActuator<Name> {
  readonly #region: ExecPlace;
  readonly #kind: ExecKind;
  readonly #known: (name: Name) => Known | undefined;
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(region: ExecPlace, kind: ExecKind, known: (name: Name) => Known | undefined) {
    this.#region = region;
    this.#kind = kind;
    this.#known = known;
  }

  get pace(): Pace {
    const { config, pace: { lookEveryMs } = EXEC_PACE } = this.#region;
    const { [this.#kind]: target } = config;
    const seenMs = target?.seenWithin ?? 0;
    const commandMs = target === undefined ? 0 : Math.max(...commandsOf(target).map(([, of]) => of.timeout));
    const startMs = startBound({ backMs: target?.backWithin ?? 0, seenMs, commandMs });
    return { effectMs: seenMs + lookEveryMs, lookEveryMs, startMs };
  }

  async describe(name: Name, act: Act = 'kill'): Promise<Held> {
    const query = `actuator.${this.#kind}.state of uplift.yaml`;
    try {
      const target = this.#target(name);
      const { undo } = this.#action(target, act);
      for (const [, command] of commandsOf(target.config)) {
        filled(command.argv, target.filling);
        const missing = await missingProgram(this.#region, command.argv);
        if (missing !== undefined) return { ok: false, text: missing, query };
      }
      passedOn(target.config.env, this.#region.env);
      const state = await this.#state(target);
      const back = undo === 'byItself' ? 'comes back by itself' : `undo: ${undo.argv[0]}`;
      return { ok: state === 'running', text: `${target.what} is ${state} (${back})`, query };
    } catch (error) {
      return { ok: false, text: reasonOf(error), query };
    }
  }

  running = async (name: Name): Promise<boolean> => (await this.#state(this.#target(name))) === 'running';

  hanging = async (name: Name): Promise<boolean> => (await this.#state(this.#target(name))) === 'hung';

  /** Returns once the command has ended. */
  kill = (name: Name, signal?: AbortSignal): Promise<void> => this.#strike(name, 'kill', signal);

  hang = (name: Name, signal?: AbortSignal): Promise<void> => this.#strike(name, 'hang', signal);

  /** Runs the undo that the state calls for, and returns once it runs. Takes no signal: nothing cancels it. */
  async start(name: Name): Promise<void> {
    const target = this.#target(name);
    const { config, asked, what } = target;
    await this.#alone(target, async () => {
      await asked.settle(config.backWithin);
      const begun = await asked.begun();
      const state = await this.#settledState(target);
      // A hang that was begun and that no state shows may be there all the same: its own undo is run too.
      const unseen = state === 'running' && begun === 'hang';
      const undo = unseen ? config.hang?.undo : undoFor(config, state);
      if (state === 'running' && (!unseen || undo === undefined || undo === 'byItself')) return;
      if (undo === undefined)
        throw new Error(
          `${what} is ${state}, and ${this.#place} of uplift.yaml declares neither kill nor hang`,
        );
      const failed = undo === 'byItself' ? undefined : await this.#undo(target, undo);
      const back = async (): Promise<boolean> => (await this.#state(target)) === 'running';
      const wait = {
        what: `${what} runs again`,
        timeoutMs: config.backWithin,
        intervalMs: this.pace.lookEveryMs,
      };
      if (failed === undefined) await waitFor(back, wait);
      // One that failed because there was nothing left to do shows at the first look; a hang that is not seen has none.
      else if (unseen || !(await back().catch(() => false))) throw failed;
    });
  }

  get #place(): string {
    return `actuator.${this.#kind}`;
  }

  #target(name: Name): Target {
    const { [this.#kind]: config } = this.#region.config;
    if (config === undefined)
      throw new Error(
        `uplift.yaml has no ${this.#place} in region ${this.#region.name}: there are no commands to run`,
      );
    const known = this.#known(name);
    if (known === undefined)
      throw new Error(
        `${String(name)} is not among the ${this.#kind} of uplift.yaml: no command is run for it`,
      );
    const { what, ...filling } = known;
    const key = `${this.#region.name}-${this.#kind}-${filling.id}`;
    return {
      ...{ what, config },
      filling: { ...filling, name: config.names[filling.id] },
      asked: askedFile(this.#region.askedFolder, key),
    };
  }

  #action({ config }: Target, act: Act): ExecActionConfig {
    const { [act]: action } = config;
    if (action !== undefined) return action;
    throw new Error(`${this.#place} of uplift.yaml declares no ${act}: this cannot be done here`);
  }

  async #strike(name: Name, act: Act, signal: AbortSignal | undefined): Promise<void> {
    const target = this.#target(name);
    const action = this.#action(target, act);
    await this.#alone(target, async () => {
      signal?.throwIfAborted();
      await target.asked.settle(0);
      const state = await this.#state(target, signal);
      if (state === 'stopped' && act === 'hang') throw new Error(`${target.what} is stopped: it cannot hang`);
      if (state === (act === 'kill' ? 'stopped' : 'hung')) return;
      await this.#run(target, { what: `the ${act} of ${target.what}`, command: action, role: act, signal });
    });
  }

  async #undo(target: Target, command: ExecCommand): Promise<unknown> {
    try {
      await this.#run(target, { what: `the undo of ${target.what}`, command, role: 'undo' });
      return undefined;
    } catch (error) {
      return error;
    }
  }

  async #run(
    { config, filling, asked }: Target,
    run: {
      readonly what: string;
      readonly command: ExecCommand;
      readonly role: Act | 'undo';
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<void> {
    const { role, ...request } = run;
    let undone = false;
    try {
      await runExec(this.#region, { ...request, filling, env: config.env, record: asked.begin(role) });
      undone = role === 'undo';
    } finally {
      await asked.ended(undone);
    }
  }

  /** What the state command says. Throws what is no word of uplift.yaml: nothing is guessed. */
  async #state({ what, config, filling }: Target, signal?: AbortSignal): Promise<State> {
    const { says, ...command } = config.state;
    const request = { what: `the state of ${what}`, command, filling, env: config.env, signal };
    const { text, shown } = await runExec(this.#region, request);
    const found = (['running', 'stopped', 'hung'] as const).find((state) =>
      says[state].includes(text.trim()),
    );
    if (found !== undefined) return found;
    const words = Object.values(says).flat().join(', ');
    throw new Error(
      `the state of ${what}: ${command.argv[0]} printed "${shown.slice(0, 80)}", not one of ${words}`,
    );
  }

  /** The state once nothing can come any more of what was asked for: an order that was taken may be carried out later. */
  async #settledState(target: Target): Promise<State> {
    const untilMs = performance.now() + (await target.asked.leftMs(target.config.seenWithin));
    const { lookEveryMs, patienceMs } = this.#region.pace ?? EXEC_PACE;
    const wait = { what: `the state of ${target.what}`, timeoutMs: patienceMs, intervalMs: lookEveryMs };
    for (;;) {
      const state = await waitFor(() => this.#state(target), wait);
      if (state !== 'running' || performance.now() >= untilMs) return state;
      await delay(Math.min(lookEveryMs, Math.max(1, untilMs - performance.now())));
    }
  }

  /** One act on a target at a time; the next begins when the one before has ended, however it did. */
  #alone(target: Target, work: () => Promise<void>): Promise<void> {
    const { id } = target.filling;
    const next = (this.#queues.get(id) ?? Promise.resolve()).then(work);
    this.#queues.set(
      id,
      next.catch(() => undefined),
    );
    return next;
  }
}

function undoFor({ kill, hang }: ExecTargetConfig, state: State): ExecActionConfig['undo'] | undefined {
  return (state === 'hung' ? (hang ?? kill) : (kill ?? hang))?.undo;
}
