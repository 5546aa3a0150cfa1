import { createElement } from 'react';
import type { Progress, ProgressEvent } from '../../core/blocks.ts';
import type { Clock } from '../../core/clock.ts';
import { reasonOf } from '../../core/error.ts';
import type { Live } from '../../core/live.ts';
import type { Style } from '../../output/style.ts';
import { paintLine } from '../line.ts';
import { type Painter, type Painting, startPainter, type Terminal } from '../painter.ts';
import { guardStream, holdOutput } from '../terminal.ts';
import { Frame } from './frame.ts';
import { layoutView } from './layout.ts';
import { type DrillView, emptyView, foldView, type ViewEvent } from './model.ts';

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
  for (const stream of [io.stdin, io.stdout, io.stderr]) guardStream(stream);
  const held = holdOutput([io.stdout, io.stderr], (text) => tell({ kind: 'note', text }));
  const painter = startOr(held.release, {
    stdin: io.stdin,
    terminal: held.terminal(io.stderr),
    frame: () => createElement(Frame, { lines: frameOf(view, nowMs(), io), onStop: io.onStop }),
    onFailed,
  });
  function tell(event: ViewEvent): void {
    if (!open) return;
    try {
      view = foldView(view, event, nowMs());
    } catch (error) {
      onFailed(error);
    }
  }
  function onFailed(error: unknown): void {
    finish(`The live view ended: ${reasonOf(error)}\n`);
  }
  function finish(why = ''): void {
    if (!open) return;
    open = false;
    process.off('exit', onExit);
    painter.stop();
    const said = held.release() + why;
    for (const line of lines) io.plain(line);
    if (said !== '') io.stderr.write(said);
  }
  const onExit = (): void => finish();
  process.on('exit', onExit);
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
      await Promise.race([painter.ended, new Promise((done) => setTimeout(done, UNMOUNT_MS).unref())]);
    },
  };
}

/** A painter that cannot begin leaves the terminal as it was. */
function startOr(undo: () => void, painting: Painting): Painter {
  try {
    return startPainter(painting);
  } catch (error) {
    undo();
    throw error;
  }
}

function frameOf(view: DrillView, nowMs: number, { style, stderr }: ViewIo): readonly string[] {
  // A terminal that was never told its size says that it has none.
  const columns = stderr.columns || COLUMNS;
  const rows = stderr.rows || ROWS;
  // One row less than there are: a frame that fills the screen makes it scroll.
  const screen = { columns, rows: Math.max(1, rows - 1), unicode: style.unicode };
  return layoutView(view, nowMs, screen).map((spans) => paintLine(spans, style));
}
