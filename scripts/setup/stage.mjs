import { interruption } from './run.mjs';

/**
 * Something the reader has to do: `what` happened and, line by line, the `advice`. `exit` is a code of the project's own
 * table (69: something is unavailable).
 */
export class SetupError extends Error {
  constructor(what, { advice = [], exit = 69 } = {}) {
    super([what, ...advice.map((line) => `  ${line}`)].join('\n'));
    this.what = what;
    this.advice = advice;
    this.exit = exit;
  }
}

const HEARTBEAT_MS = 10_000;
const utf8 =
  /utf-?8/i.test(process.env.LC_ALL || process.env.LC_CTYPE || process.env.LANG || '') ||
  process.platform === 'darwin';
const marks = utf8 ? { done: '✔', failed: '✘', busy: '…' } : { done: 'ok', failed: 'x ', busy: '..' };

const seconds = (sinceMs) => `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;
const line = (mark, name, text, time) =>
  `  ${mark} ${name.padEnd(14)} ${text.padEnd(58)} ${time.padStart(8)}\n`;

/**
 * One stage of the set-up: one line when it is done, with its time. Slow work says what it is doing through `doing`,
 * and again every ten seconds, so that nobody wonders whether it hangs. Progress goes to stderr.
 */
export async function stage(name, work) {
  const started = Date.now();
  let activity;
  const doing = (text) => {
    activity = text;
    process.stderr.write(line(marks.busy, name, text, ''));
  };
  const heartbeat = setInterval(() => {
    if (activity !== undefined) process.stderr.write(line(marks.busy, name, activity, seconds(started)));
  }, HEARTBEAT_MS);
  try {
    process.stderr.write(line(marks.done, name, await work(doing), seconds(started)));
  } catch (error) {
    const text = interruption() === undefined ? 'failed' : 'interrupted';
    process.stderr.write(line(marks.failed, name, text, seconds(started)));
    throw error;
  } finally {
    clearInterval(heartbeat);
  }
}
