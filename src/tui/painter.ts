import { type Instance, render } from 'ink';
import type { ReactElement } from 'react';

/** A stream that is a terminal. */
export type Terminal = NodeJS.WritableStream & { readonly columns?: number; readonly rows?: number };

export interface Painting {
  readonly stdin: NodeJS.ReadableStream;
  /** Where the frames are written. */
  readonly terminal: Terminal;
  /** The next frame. */
  readonly frame: () => ReactElement;
  /** It has ended by itself, with the reason: it has failed. */
  readonly onFailed: (error: unknown) => void;
}

export interface Painter {
  /** Wipes the last frame away; the cursor stands where the first one began. Throws nothing. */
  stop(): void;
  /** Resolves once the terminal is as it was, raw mode and cursor included. */
  readonly ended: Promise<void>;
}

/** Frames come from the clock, not from events: so many a second, and a hundred events cost no more. */
const FRAME_MS = 200;
const MAX_FPS = 10;
const CURSOR_UP = '\u001b[1A';

/** Draws frame after frame in place of each other until it is stopped. Throws where it cannot begin. */
export function startPainter({ stdin, terminal, frame, onFailed }: Painting): Painter {
  const instance = render(frame(), {
    ...{ stdin, stdout: terminal, stderr: terminal },
    ...{ exitOnCtrlC: false, patchConsole: false, interactive: true },
    ...{ incrementalRendering: true, maxFps: MAX_FPS },
  });
  const draw = (): void => {
    try {
      instance.rerender(frame());
    } catch (error) {
      onFailed(error);
    }
  };
  const timer = setInterval(draw, FRAME_MS);
  timer.unref();
  // Before Ink hears of it: it draws at once what it has, and that has to fit.
  terminal.prependListener('resize', draw);
  return {
    stop() {
      clearInterval(timer);
      terminal.off('resize', draw);
      erase(instance, terminal);
    },
    ended: instance.waitUntilExit().then(() => undefined, onFailed),
  };
}

function erase(instance: Instance, terminal: Terminal): void {
  try {
    instance.rerender(null);
    instance.unmount();
    // An empty frame is one empty line.
    terminal.write(CURSOR_UP);
  } catch {
    // A terminal that is gone needs no cleaning.
  }
}
