import { isatty } from 'node:tty';
import type { Live } from '../../core/live.ts';
import type { Deps } from '../../deps.ts';
import { isCi, styleOf } from '../../output/style.ts';
import type { ShownView } from '../../tui/drill/show.ts';

/** How a run is watched: where its lines go, and who else is told. */
export interface Watched {
  readonly progress: Deps['progress'];
  /** Absent: lines only. */
  readonly live?: Live;
  close(): Promise<void>;
}

interface Ends {
  readonly isTTY?: boolean;
}

/** Pure: a view needs a person at both ends of a terminal that can move its cursor, and none who asked for lines. */
export function wantsView(
  { env, globals, stdout, stderr }: Pick<Deps, 'env' | 'globals' | 'stdout' | 'stderr'>,
  stdin: Ends,
  plain: boolean,
): boolean {
  const terminals = [stdin, stdout, stderr].every(({ isTTY }) => isTTY === true);
  return terminals && !plain && globals.output === 'text' && !isCi(env) && env.TERM !== 'dumb';
}

/** Opens the view of a run where there is somebody to look at it; lines as ever otherwise. The caller closes it. */
export async function watchRun(deps: Deps, drill: string, plain: boolean): Promise<Watched> {
  const lines: Watched = { progress: deps.progress, close: async () => undefined };
  if (!wantsView(deps, { isTTY: isatty(0) }, plain)) return lines;
  // A terminal that is gone, or one that takes no view, is no reason for the drill not to run.
  const view = await openView(deps, drill).catch(() => undefined);
  if (view === undefined) return lines;
  const asked = (): void => view.asked(String(deps.signal.reason));
  deps.signal.addEventListener('abort', asked, { once: true });
  if (deps.signal.aborted) asked();
  return {
    progress: view.progress,
    live: view.live,
    async close() {
      deps.signal.removeEventListener('abort', asked);
      await view.close();
    },
  };
}

async function openView(deps: Deps, drill: string): Promise<ShownView> {
  // Only here: Ink and React are more than all that a start loads.
  const { openDrillView } = await import('../../tui/drill/show.ts');
  return openDrillView({
    drill,
    clock: deps.clock,
    style: styleOf(deps.stderr, deps.env),
    stdin: process.stdin,
    stdout: deps.stdout,
    stderr: deps.stderr,
    // As from a terminal that is not in raw mode: there is one way to stop.
    onStop: () => void process.kill(process.pid, 'SIGINT'),
    plain: deps.progress,
  });
}
