import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ProgressEvent } from '../../core/blocks.ts';
import { systemClock } from '../../core/clock.ts';
import { FakeKeyboard, FakeTerminal } from '../testing/terminal.ts';
import { openDrillView, type ShownView } from './show.ts';
import { KAFKA } from './view-fixture.ts';

let stdin: FakeKeyboard;
let stdout: FakeTerminal;
let stderr: FakeTerminal;
let stops: number;
let plain: ProgressEvent[];
let view: ShownView;

beforeEach(() => {
  stdin = new FakeKeyboard();
  stdout = new FakeTerminal();
  stderr = new FakeTerminal();
  stderr.write('$ uplift drill run kafka-broker-loss\n');
  stops = 0;
  plain = [];
  view = openDrillView({
    ...{ drill: 'kafka-broker-loss', clock: systemClock, stdin, stdout, stderr },
    style: { color: false, unicode: true, columns: 80 },
    onStop: () => {
      stops += 1;
    },
    plain: (event) => {
      plain.push(event);
      stderr.write(`  ${event.phase} ${event.text}\n`);
    },
  });
});
afterEach(() => view.close());

const sees = (text: string | RegExp): Promise<void> =>
  vi.waitFor(() => expect(stderr.lines().join('\n')).toMatch(text), { timeout: 3000, interval: 20 });

describe('the view of a drill on a terminal', () => {
  it('draws in place, and shows what happens', async () => {
    await sees('> preflight   looking at everything');
    view.live(KAFKA);
    view.progress({ phase: 'preflight', state: 'done', text: '34 checks pass' });
    view.live({ kind: 'phase', phase: 'baseline', state: 'begun' });
    await sees(/✔ preflight {3}34 checks pass/);
    await sees('SIGKILL broker 2');
    expect(stderr.lines().filter((line) => line.includes('preflight'))).toHaveLength(1);
    expect(stderr.lines()[0]).toBe('$ uplift drill run kafka-broker-loss');
    expect(stderr.isCursorShown).toBe(false);
    expect(stdin.isRaw).toBe(true);
  });

  it('draws few frames however much happens', async () => {
    await sees('> preflight');
    const before = stderr.written.split('\u001b[?2026h').length;
    for (let at = 0; at < 500; at += 1)
      view.progress({ phase: 'preflight', state: 'running', text: `${at}` });
    await sees('> preflight   499');
    expect(stderr.written.split('\u001b[?2026h').length - before).toBeLessThan(5);
  });

  it('fits a terminal that becomes smaller', async () => {
    view.live(KAFKA);
    view.live({ kind: 'phase', phase: 'fault', state: 'begun' });
    await sees('SIGKILL broker 2 (az-b, leads 26 of 72 partitions)');
    const from = stderr.written.length;
    stderr.resize(40, 10);
    const lines = stderr.lines();
    expect(lines.at(-1)).toBe('record the run as interrupted');
    // One row is left free: a frame that fills the screen makes it scroll.
    expect(lines.length - lines.findIndex((line) => line.startsWith('kafka'))).toBeLessThan(10);
    await sees(/^> fault .* 0\.[3-9] s$/m);
    const printed = stripVTControlCharacters(stderr.written.slice(from));
    for (const line of printed.split(/\r?\n/)) expect([...line].length).toBeLessThanOrEqual(40);
  });

  it('takes a terminal without a size for one of 80 × 24', async () => {
    view.live(KAFKA);
    stderr.resize(0, 0);
    await sees('SIGKILL broker 2 (az-b, leads 26 of 72 partitions)');
  });

  it.each([
    ['Ctrl-C', '\u0003', 1],
    ['q', 'q', 1],
    ['q, typed twice at once', 'qq', 2],
    ['Ctrl-C, twice at once', '\u0003\u0003', 2],
    ['any other key', 'x\u001b[A\r', 0],
  ])('takes %s', async (_, typed, expected) => {
    await sees('Ctrl-C or q');
    stdin.write(typed);
    await vi.waitFor(() => expect(stops).toBe(expected));
  });

  it('says what the abort key has begun', async () => {
    view.asked('SIGINT');
    await sees('SIGINT: stopping; nothing was touched');
  });
});

describe('the end of the view', () => {
  it('leaves the lines of the phases and what others said, and the terminal as it was', async () => {
    view.progress({ phase: 'preflight', state: 'done', text: '34 checks pass' });
    view.progress({ phase: 'load', state: 'running', text: '200 op/s' });
    await sees('34 checks pass');
    stderr.write('somebody prints\n');
    stdout.write('a result\n');
    await sees('! a result');
    expect(stdout.lines()).toEqual([]);
    await view.close();
    await view.close();
    expect(stderr.lines()).toEqual([
      '$ uplift drill run kafka-broker-loss',
      '  preflight 34 checks pass',
      'somebody prints',
      'a result',
    ]);
    expect(plain).toHaveLength(1);
    expect(stderr.isCursorShown).toBe(true);
    expect(stdin.isRaw).toBe(false);
    stderr.write('afterwards\n');
    stdout.write('the outcome\n');
    expect(stderr.lines().at(-1)).toBe('afterwards');
    expect(stdout.lines()).toEqual(['the outcome']);
    expect(stderr.listenerCount('resize')).toBe(0);
  });

  it('goes on as lines', async () => {
    await view.close();
    view.progress({ phase: 'restore', state: 'done', text: 'everything back' });
    view.live({ kind: 'phase', phase: 'restore', state: 'ended' });
    expect(stderr.lines().at(-1)).toBe('  restore everything back');
  });

  it('comes by itself where the view fails: the lines go on, and it says why', async () => {
    view.progress({ phase: 'preflight', state: 'done', text: '34 checks pass' });
    // No event of ours looks like this; a bug in the view must not be one of the drill.
    view.live({ kind: 'load', seconds: null } as never);
    expect(stderr.lines().slice(1)).toEqual([
      '  preflight 34 checks pass',
      expect.stringMatching(/^The live view ended: /),
    ]);
    view.progress({ phase: 'baseline', state: 'done', text: '198 op/s' });
    expect(stderr.lines().at(-1)).toBe('  baseline 198 op/s');
    await vi.waitFor(() => expect(stdin.isRaw).toBe(false));
  });

  it('is not hurried by a terminal that was closed: nothing is thrown', async () => {
    await sees('> preflight');
    stderr.broken = Object.assign(new Error('write EIO'), { code: 'EIO' });
    stdin.destroy(Object.assign(new Error('read EIO'), { code: 'EIO' }));
    await new Promise((done) => setTimeout(done, 500));
    view.live(KAFKA);
    view.progress({ phase: 'preflight', state: 'done', text: '34 checks pass' });
    await view.close();
    expect(plain).toHaveLength(1);
  });
});
