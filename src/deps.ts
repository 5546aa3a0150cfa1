import type { Progress } from './core/blocks.ts';
import type { Clock } from './core/clock.ts';
import type { Outcome } from './core/outcome.ts';

/** Options every command takes; read once in main. */
export interface Globals {
  /** `--config`; absent: UPLIFT_CONFIG, ./uplift.yaml, or the one sandbox that exists. */
  readonly config?: string;
  /** `--state-dir`; absent: `.uplift` beside uplift.yaml, or in the working folder. */
  readonly stateDir?: string;
  readonly region?: string;
  readonly output: 'text' | 'json' | 'ndjson';
  readonly debug: boolean;
}

/** The outside world, as commands see it. Use cases below them name the few ports they need instead. */
export interface Deps {
  /** Of uplift itself. */
  readonly version: string;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** How this very program is started again: Node, its flags, the file. */
  readonly program: readonly string[];
  readonly globals: Globals;
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  /** Aborted by SIGINT, SIGTERM or SIGHUP; its reason is the signal's name. */
  readonly signal: AbortSignal;
  /** Tells what a second Ctrl-C is answered with from now on; it stops nothing. */
  readonly answerImpatience: (line: string) => void;
  readonly progress: Progress;
}

/** One command: typed input to outcome. Flags are parsed before, rendering happens after. */
export type Action<I> = (deps: Deps, input: I) => Promise<Outcome>;

/** How a command tree binds an action without loading it: `run(() => import('./plan.ts').then((m) => m.planTopics), input)`. */
export type Runner = <I>(load: () => Promise<Action<I>>, input: I) => Promise<void>;
