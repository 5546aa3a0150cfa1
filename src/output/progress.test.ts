import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createProgress } from './progress.ts';

let now = 0n;
const clock = { nowMs: () => 0, monoNs: () => now };
const style = { color: false, unicode: true, columns: 60 };

beforeEach(() => {
  now = 0n;
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

function pass(ms: number): void {
  for (let at = 0; at < ms; at += 1) {
    now += 1_000_000n;
    vi.advanceTimersByTime(1);
  }
}

describe('progress in a pipe', () => {
  it('is one line per finished phase, and a sign of life every 5 s', () => {
    let out = '';
    const { progress, finish } = createProgress({
      write: (text) => {
        out += text;
      },
      style,
      animate: false,
      clock,
    });
    progress({ phase: 'preflight', state: 'running', text: 'checking' });
    progress({ phase: 'preflight', state: 'done', text: '9 checks pass' });
    progress({ phase: 'baseline', state: 'running', text: '200 op/s' });
    pass(4_999);
    expect(out).toBe('  preflight    ✔ 9 checks pass\n');
    progress({ phase: 'baseline', state: 'running', text: '212 op/s' });
    pass(6_000);
    progress({ phase: 'baseline', state: 'failed', text: 'no answer' });
    pass(60_000);
    finish();
    progress({ phase: 'late', state: 'done', text: 'ignored' });
    expect(out).toBe(
      '  preflight    ✔ 9 checks pass\n  still baseline: 212 op/s (5.0 s)\n  still baseline: 212 op/s (10.0 s)\n  baseline     ✘ no answer\n',
    );
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('progress on a terminal', () => {
  it('rewrites one line in place, never wider than the screen, and leaves nothing behind', () => {
    const writes: string[] = [];
    const { progress, finish } = createProgress({
      write: (text) => void writes.push(text),
      style,
      animate: true,
      clock,
    });
    progress({ phase: 'kafka-1', state: 'running', text: 'starting' });
    progress({
      phase: 'kafka-2',
      state: 'running',
      text: 'a very long text about what is going on in this server right now',
    });
    pass(1_000);
    for (const text of writes) {
      expect(text).not.toContain('\n');
      expect([...text.replace('\r\u001b[2K', '')].length).toBeLessThan(style.columns);
    }
    progress({ phase: 'kafka-2', state: 'done', text: 'ready' });
    expect(writes.join('')).toContain('\r\u001b[2K  kafka-2      ✔ ready\n');
    expect(writes.at(-1)).toContain('kafka-1');
    finish();
    expect(writes.at(-1)).toBe('\r\u001b[2K');
    expect(vi.getTimerCount()).toBe(0);
  });
});
