import { Box, Text, useInput } from 'ink';
import { createElement, type ReactElement } from 'react';

/** One frame and the keys that end a drill. A terminal in raw mode sends no signals: Ctrl-C is a letter there. */
export function Frame(props: {
  /** As they are printed, none wider than the screen. */
  readonly lines: readonly string[];
  readonly onStop: () => void;
}): ReactElement {
  useInput((input, key) => {
    // Typed fast, several letters come as one.
    for (const letter of input) if (isStop(letter, key.ctrl)) props.onStop();
  });
  // A line without letters would have no height.
  const rows = props.lines.map((line, at) =>
    createElement(Text, { key: at, wrap: 'truncate' }, line === '' ? ' ' : line),
  );
  return createElement(Box, { flexDirection: 'column' }, ...rows);
}

const isStop = (letter: string, ctrl: boolean): boolean =>
  ctrl ? letter === 'c' : letter === 'q' || letter === 'Q';
