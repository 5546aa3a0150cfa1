import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { PartitionOffset } from '../../clients/kafka/group-ports.ts';
import { waitFor } from '../../core/wait.ts';
import { CommitPositions } from './commit-positions.ts';

function setUp(againMs?: number) {
  const commits: string[] = [];
  const lines: string[] = [];
  const state = { positions: new Map<number, bigint>(), failing: '', failed: 0, closed: 0 };
  const committing = new CommitPositions({
    groups: {
      commit: async (groupId: string, offsets: readonly PartitionOffset[]) => {
        if (state.failing !== '') throw new Error(state.failing);
        commits.push(
          `${groupId} ${offsets.map((one) => `${one.topic}/${one.partition}@${one.offset}`).join()}`,
        );
      },
      close: async () => {
        state.closed += 1;
      },
    },
    groupId: 'g',
    topic: 't',
    positions: () => state.positions,
    onFailed: () => {
      state.failed += 1;
    },
    log: pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) }),
    everyMs: 5,
    ...(againMs === undefined ? {} : { againMs }),
  });
  const until = (what: string, probe: () => boolean): Promise<boolean> =>
    waitFor(async () => probe(), { what, timeoutMs: 5000, intervalMs: 2 });
  return { committing, commits, lines, state, until };
}

describe('committing positions for lag tools', () => {
  it('commits what moved and nothing else, and closes what it was given', async () => {
    const { committing, commits, state, until } = setUp();
    state.positions = new Map([
      [0, 0n],
      [1, 7n],
    ]);
    await until('the first', () => commits.length === 1);
    state.positions = new Map([
      [0, 0n],
      [1, 8n],
    ]);
    await until('the second', () => commits.length === 2);
    await committing.stop();
    expect(commits).toEqual(['g t/0@0,t/1@7', 'g t/1@8']);
    expect(state.closed).toBe(1);
  });

  it('commits again what stands still: without members a group forgets an offset that is not committed for days', async () => {
    const { committing, commits, state, until } = setUp(20);
    state.positions = new Map([[0, 3n]]);
    await until('a second commit', () => commits.length >= 2);
    await committing.stop();
    expect(new Set(commits)).toEqual(new Set(['g t/0@3']));
  });

  it('counts every failure, logs each reason once, and commits all that moved when it works again', async () => {
    const { committing, commits, lines, state, until } = setUp();
    state.failing = 'no coordinator';
    state.positions = new Map([[0, 3n]]);
    await until('failures', () => state.failed >= 3);
    state.failing = 'refused';
    const before = state.failed;
    await until('more failures', () => state.failed >= before + 3);
    state.failing = '';
    await until('a commit', () => commits.length === 1);
    await committing.stop();
    expect(commits).toEqual(['g t/0@3']);
    expect(lines.map((line) => (JSON.parse(line) as { reason: string }).reason)).toEqual([
      'no coordinator',
      'refused',
    ]);
  });
});
