import { type Instance, render } from 'ink';
import { createElement, type ReactElement } from 'react';
import type { Progress, ProgressEvent } from '../../core/blocks.ts';
import type { Clock } from '../../core/clock.ts';
import { reasonOf } from '../../core/error.ts';
import type { Live } from '../../core/live.ts';
import type { Style } from '../../output/style.ts';
import { paintLine } from '../line.ts';
import { guardStream, holdOutput } from '../terminal.ts';
import { Frame } from './frame.ts';
import { layoutView } from './layout.ts';
import { type DrillView, emptyView, foldView, type ViewEvent } from './model.ts';

/** A stream that is a terminal. */
export type Terminal = NodeJS.WritableStream & { readonly columns?: number; readonly rows?: number };

export interface ViewIo {
  readonly drill: string;
  readonly clock: Pick<Clock, 'monoNs'>;
  /** Its colours and letters; the size is asked of the terminal. */
  readonly style: Style;
  readonly stdin: NodeJS.ReadableStream;
  /** Results go there: nothing does while the view is up. */
  readonly stdout: NodeJS.WritableStream;
  /** The view is drawn there, as all progress is. */
  readonly stderr: Terminal;
  /** The abort key was hit. */
  readonly onStop: () => void;
  /** Takes the lines of the phases once the view has ended: they are what stays on the screen. */
  readonly plain: Progress;
}

export interface ShownView {
  readonly progress: Progress;
  readonly live: Live;
  /** The drill was asked to end. */
  readonly asked: (reason: string) => void;
  /** Erases the view, gives the terminal back as it was, and prints what stays. Throws nothing; the second call does nothing. */
  close(): Promise<void>;
}

/** Frames come from the clock, not from events: so many a second, and a hundred events cost no more. */
const FRAME_MS = 200;
const MAX_FPS = 10;
const UNMOUNT_MS = 1000;
const ROWS = 24;
const COLUMNS = 80;

/**
 * Draws the view of a drill until it is closed. Nothing that goes wrong with it reaches the drill: then the lines go on
 * without it. Throws only where it cannot begin, with the terminal as it was.
 */
export function openDrillView(io: ViewIo): ShownView {
  const nowMs = (): number => Number(io.clock.monoNs() / 1_000_000n);
  const lines: ProgressEvent[] = [];
  let view: DrillView = emptyView(io.drill, nowMs());
  let open = true;
  /** Runs a part of the view; one that fails ends it. */
  const guarded = (work: () => void): void => {
    if (!open) return;
    try {
      work();
    } catch (error) {
      finish(error);
    }
  };
  const tell = (event: ViewEvent): void =>
    guarded(() => {
      view = foldView(view, event, nowMs());
    });
  for (const stream of [io.stdin, io.stdout, io.stderr]) guardStream(stream);
  const held = holdOutput([io.stdout, io.stderr], (text) => tell({ kind: 'note', text }));
  const terminal = held.terminal(io.stderr);
  const frame = () => {
    const { columns = COLUMNS, rows = ROWS } = io.stderr;
    // One row less than there are: a frame that fills the screen makes it scroll.
    const screen = { columns, rows: Math.max(1, rows - 1), unicode: io.style.unicode };
    const shown = layoutView(view, nowMs(), screen).map((spans) => paintLine(spans, io.style));
    return createElement(Frame, { lines: shown, onStop: io.onStop });
  };
  const instance = begin(() => mount(frame(), io.stdin, terminal), held.release);
  const draw = (): void => guarded(() => instance.rerender(frame()));
  const timer = setInterval(draw, FRAME_MS);
  timer.unref();
  const onExit = (): void => finish();
  const finish = (failure?: unknown): void => {
    if (!open) return;
    open = false;
    clearInterval(timer);
    io.stderr.off('resize', draw);
    process.off('exit', onExit);
    erase(instance, terminal);
    const said = held.release();
    for (const line of lines) io.plain(line);
    const why = failure === undefined ? '' : `The live view ended: ${reasonOf(failure)}\n`;
    if (said + why !== '') io.stderr.write(said + why);
  };
  io.stderr.on('resize', draw);
  process.on('exit', onExit);
  const left = instance.waitUntilExit().then(() => finish(), finish);
  return {
    progress(event) {
      if (!open) return io.plain(event);
      if (event.state !== 'running') lines.push(event);
      tell({ kind: 'line', ...event });
    },
    live: tell,
    asked: (reason) => tell({ kind: 'asked', reason }),
    async close() {
      finish();
      await Promise.race([left, new Promise((done) => setTimeout(done, UNMOUNT_MS).unref())]);
    },
  };
}

function mount(element: ReactElement, stdin: NodeJS.ReadableStream, terminal: Terminal): Instance {
  return render(element, {
    ...{ stdin, stdout: terminal, stderr: terminal },
    ...{ exitOnCtrlC: false, patchConsole: false, interactive: true },
    ...{ incrementalRendering: true, maxFps: MAX_FPS },
  });
}

function begin<T>(work: () => T, undo: () => void): T {
  try {
    return work();
  } catch (error) {
    undo();
    throw error;
  }
}

const CURSOR_UP = '\u001b[1A';

/** The last frame is wiped away, and the cursor stands where the view began: an empty frame is one empty line. */
function erase(instance: Instance, terminal: Terminal): void {
  try {
    instance.rerender(null);
    instance.unmount();
    terminal.write(CURSOR_UP);
  } catch {
    // A terminal that is gone needs no cleaning.
  }
}
