import { describe, expect, it } from 'vitest';
import type { LiveEvent } from '../../core/live.ts';
import type { Globals } from '../../deps.ts';
import { STEP } from '../../steps/journal-kinds.ts';
import { toldJournal } from './told.ts';
import { wantsView } from './view.ts';

const TTY = { isTTY: true };

interface Given {
  readonly env?: Readonly<Record<string, string>>;
  readonly output?: Globals['output'];
  readonly plain?: boolean;
  readonly ends?: readonly { readonly isTTY?: boolean }[];
}

function wanted({ env = {}, output = 'text', plain = false, ends = [TTY, TTY, TTY] }: Given): boolean {
  const [stdin = {}, stdout = {}, stderr = {}] = ends;
  const globals = { output, debug: false };
  return wantsView({ env, globals, stdout, stderr } as Parameters<typeof wantsView>[0], stdin, plain);
}

describe('the view of a run', () => {
  it('is for a person at a terminal', () => {
    expect(wanted({})).toBe(true);
    expect(wanted({ env: { TERM: 'xterm', NO_COLOR: '1', CI: 'false' } })).toBe(true);
  });

  it.each<[string, Given]>([
    ['in CI', { env: { CI: 'true' } }],
    ['on a terminal that cannot move its cursor', { env: { TERM: 'dumb' } }],
    ['where JSON is asked for', { output: 'json' }],
    ['where lines are asked for', { plain: true }],
    ['with no keyboard', { ends: [{}, TTY, TTY] }],
    ['with its result in a pipe', { ends: [TTY, {}, TTY] }],
    ['with its progress in a file', { ends: [TTY, TTY, { isTTY: false }] }],
  ])('is not there %s', (_, given) => {
    expect(wanted(given)).toBe(false);
  });
});

describe('a journal that is told', () => {
  let lines = 0;
  const journal = {
    append: async () => {
      lines += 1;
      return { seq: lines } as never;
    },
  };

  it('says phases and steps, an undone one by its name', async () => {
    const told: LiveEvent[] = [];
    const { append } = toldJournal(journal, (event) => told.push(event));
    await append('drill.started', {});
    await append('phase.begun', { phase: 'fault' });
    const { seq } = await append(STEP.intent, { describe: 'SIGKILL broker 2' });
    await append(STEP.done, { intent: seq });
    await append('phase.ended', { phase: 'fault' });
    await append('phase.begun', { phase: 'lunch' });
    await append(STEP.undoIntent, { intent: seq });
    await append(STEP.undoIntent, null);
    expect(told).toEqual([
      { kind: 'phase', phase: 'fault', state: 'begun' },
      { kind: 'step', state: 'begun', text: 'SIGKILL broker 2' },
      { kind: 'phase', phase: 'fault', state: 'ended' },
      { kind: 'step', state: 'undoing', text: 'SIGKILL broker 2' },
    ]);
  });

  it('tells a phase also where the line could not be written, and still rejects', async () => {
    const told: LiveEvent[] = [];
    const full = { append: () => Promise.reject(new Error('no room')) };
    const { append } = toldJournal(full, (event) => told.push(event));
    await expect(append('phase.begun', { phase: 'restore' })).rejects.toThrow('no room');
    await expect(append(STEP.intent, { describe: 'x' })).rejects.toThrow('no room');
    expect(told).toEqual([{ kind: 'phase', phase: 'restore', state: 'begun' }]);
  });

  it('is the journal itself where nobody listens', () => {
    expect(toldJournal(journal, undefined)).toBe(journal);
  });
});
