import type { Progress, ProgressEvent } from '../core/blocks.ts';
import type { Clock } from '../core/clock.ts';
import { formatMs } from '../core/units.ts';
import { clip, harmless, padEnd, toAscii } from './letters.ts';
import { markOf, type Style } from './style.ts';

export interface ProgressIo {
  readonly write: (text: string) => void;
  readonly style: Style;
  /** True: the running phase rewrites its own line. False: a line per finished phase and a sign of life. */
  readonly animate: boolean;
  readonly clock: Clock;
  readonly stillEveryMs?: number;
}

export interface ProgressReporter {
  readonly progress: Progress;
  /** Clears the live line and stops the timer; events after it are ignored. */
  readonly finish: () => void;
}

interface Running {
  text: string;
  readonly sinceNs: bigint;
}

const CLEAR_LINE = '\r\u001b[2K';
const STILL_EVERY_MS = 5_000;
const REDRAW_EVERY_MS = 1_000;
const PHASE_COLUMNS = 12;

/** Progress on stderr: every finished phase leaves one line; running ones are alive without scrolling. */
export function createProgress(io: ProgressIo): ProgressReporter {
  const running = new Map<string, Running>();
  const say = (text: string): string => (io.style.unicode ? harmless(text) : toAscii(harmless(text)));
  const elapsed = (one: Running): string => formatMs(Number((io.clock.monoNs() - one.sinceNs) / 1_000_000n));
  const columns = (): number => Math.max(PHASE_COLUMNS, ...[...running.keys()].map((phase) => phase.length));
  let timer: NodeJS.Timeout | undefined;
  let finished = false;

  const draw = (): void => {
    const latest = [...running].at(-1);
    if (!io.animate || latest === undefined) return;
    const [phase, one] = latest;
    const others = running.size > 1 ? ` (+${running.size - 1} more)` : '';
    const line = say(`  ${padEnd(phase, columns())}   ${one.text} · ${elapsed(one)}${others}`);
    io.write(`${CLEAR_LINE}${clip(line, io.style.columns - 1, io.style.unicode)}`);
  };
  const still = (): void => {
    if (io.animate) {
      draw();
      return;
    }
    for (const [phase, one] of running)
      io.write(`  ${say(`still ${phase}: ${one.text} (${elapsed(one)})`)}\n`);
  };
  const watch = (): void => {
    if (running.size === 0) {
      clearInterval(timer);
      timer = undefined;
    } else if (timer === undefined) {
      timer = setInterval(still, io.animate ? REDRAW_EVERY_MS : (io.stillEveryMs ?? STILL_EVERY_MS));
      // A forgotten phase must not keep the process alive.
      timer.unref();
    }
  };
  const closePhase = (event: ProgressEvent): void => {
    const mark = markOf(io.style, event.state === 'done' ? 'pass' : 'fail');
    io.write(
      `${io.animate ? CLEAR_LINE : ''}  ${padEnd(say(event.phase), columns())} ${mark} ${say(event.text)}\n`,
    );
    running.delete(event.phase);
  };

  return {
    progress: (event) => {
      if (finished) return;
      if (event.state === 'running') {
        const known = running.get(event.phase);
        if (known === undefined) running.set(event.phase, { text: event.text, sinceNs: io.clock.monoNs() });
        else known.text = event.text;
      } else closePhase(event);
      watch();
      draw();
    },
    finish: () => {
      if (finished) return;
      finished = true;
      clearInterval(timer);
      if (io.animate && running.size > 0) io.write(CLEAR_LINE);
      running.clear();
    },
  };
}
