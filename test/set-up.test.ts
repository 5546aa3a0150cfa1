import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { root } from './support/source-tree.ts';

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly note?: string;
}
interface Step {
  readonly args: string;
  readonly why: string;
  readonly exit: number;
  readonly ms: number;
  readonly output: string;
}

/** The scripts are plain JavaScript (Node 18 starts them): their types are stated where they are used. */
const load = async <T>(path: string): Promise<T> => (await import(join(root, 'scripts', path))) as T;

const { countReport } = await load<{ countReport: (report: unknown, exitedWell: boolean) => Counts }>(
  'test/vitest-report.mjs',
);
const { summary } = await load<{ summary: (results: readonly object[]) => string }>('test/count.mjs');
const { withLock } = await load<{
  withLock: <T>(file: string, waiting: (text: string) => void, work: () => Promise<T>) => Promise<T>;
}>('setup/lock.mjs');
const report = await load<{
  headline: (steps: readonly Step[]) => string | undefined;
  markdown: (report: object) => string;
  summary: (planned: readonly object[], steps: readonly object[]) => string;
}>('demo/report.mjs');

const { exitOf } = await load<{
  exitOf: (steps: readonly { exit: number }[], signal: string | undefined) => number;
}>('demo/runner.mjs');

const testFile = (status: string, ...tests: string[]): object => ({
  status,
  assertionResults: tests.map((each) => ({ status: each })),
});

describe('the last line of npm test', () => {
  it('counts tests, and a skipped one as neither passed nor failed', () => {
    const counts = countReport(
      {
        testResults: [
          testFile('passed', 'passed', 'passed', 'skipped'),
          testFile('failed', 'failed', 'todo'),
        ],
      },
      false,
    );
    expect(counts).toEqual({ passed: 2, failed: 1, skipped: 2 });
  });

  it('counts a file that did not load as a failure', () => {
    expect(
      countReport({ testResults: [testFile('failed'), testFile('passed', 'passed')] }, false),
    ).toMatchObject({ passed: 1, failed: 1 });
  });

  it('counts a run without a test as a failure, however it ended', () => {
    expect(countReport({ testResults: [] }, true)).toMatchObject({ passed: 0, failed: 1 });
    expect(countReport({}, true)).toMatchObject({ failed: 1 });
  });

  it('counts a run that failed outside of its tests as a failure', () => {
    expect(countReport({ testResults: [testFile('passed', 'passed')] }, false)).toMatchObject({
      passed: 1,
      failed: 1,
    });
  });

  it('is exactly the sum over all stages', () => {
    const lint = { name: 'lint', ms: 1, passed: 1, failed: 0, skipped: 0 };
    const unit = { name: 'unit tests', ms: 1, passed: 40, failed: 2, skipped: 0 };
    const real = { name: 'real tests', ms: 1, passed: 3, failed: 0, skipped: 1 };
    expect(summary([lint, unit]).split('\n').at(-1)).toBe('41 passed, 2 failed');
    expect(summary([lint, unit, real]).split('\n').at(-1)).toBe('44 passed, 2 failed, 1 skipped');
  });
});

describe('a set-up lock', () => {
  let folder = '';
  const silent = (): void => undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'uplift-lock-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('lets one in at a time', async () => {
    const file = join(folder, 'a.lock');
    let inside = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise(setImmediate);
      inside -= 1;
    };
    await Promise.all([
      withLock(file, silent, work),
      withLock(file, silent, work),
      withLock(file, silent, work),
    ]);
    expect(most).toBe(1);
  });

  it('is taken over from a process that is gone', async () => {
    const file = join(folder, 'a.lock');
    // Above the highest process id that Linux hands out.
    writeFileSync(file, '4194999');
    await expect(withLock(file, silent, async () => 'in')).resolves.toBe('in');
  });

  it('is released by work that fails', async () => {
    const file = join(folder, 'a.lock');
    await expect(withLock(file, silent, () => Promise.reject(new Error('disk full')))).rejects.toThrow(
      'disk full',
    );
    await expect(withLock(file, silent, async () => 'in')).resolves.toBe('in');
  });
});

describe('the exit code of the demo', () => {
  const steps = (...exits: number[]) => exits.map((exit) => ({ exit }));

  it('is 0 when every step was, else that of the worst step', () => {
    expect(exitOf(steps(0, 0, 0), undefined)).toBe(0);
    expect(exitOf(steps(0, 15, 0), undefined)).toBe(15);
    expect(exitOf(steps(0, 10, 16), undefined)).toBe(16);
  });

  it('is the signal\u2019s, also when a step had refused, but never hides that something was not restored', () => {
    expect(exitOf(steps(0, 130, 0), 'SIGINT')).toBe(130);
    expect(exitOf(steps(0, 15, 0), 'SIGTERM')).toBe(143);
    expect(exitOf(steps(), 'SIGHUP')).toBe(129);
    expect(exitOf(steps(0, 16, 0), 'SIGINT')).toBe(16);
  });

  it('is 1 for a step that was killed', () => {
    expect(exitOf(steps(0, 137), undefined)).toBe(1);
  });
});

describe('the report of the demo', () => {
  const drill: Step = {
    args: 'drill run kafka-broker-loss --yes',
    why: 'Kill a broker.',
    exit: 0,
    ms: 61_234,
    output: '  inject ✔\n\n  acknowledged 8,412    lost 0    duplicates 0\n\nHELD, restored. ``` not a fence',
  };
  const whole = {
    startedAt: new Date(0),
    machine: { cpu: '2 × x' },
    versions: { Kafka: '4.3.1' },
    steps: [drill],
  };

  it('says first what was lost', () => {
    expect(report.headline([drill])).toBe('acknowledged 8,412    lost 0    duplicates 0');
    expect(report.markdown(whole)).toContain('**acknowledged 8,412 · lost 0 · duplicates 0**');
  });

  it('holds every command with exit code, time and output, fenced against what the output says', () => {
    const text = report.markdown(whole);
    expect(text).toContain('| `uplift drill run kafka-broker-loss --yes` | 0 | 61.2 s |');
    expect(text).toContain(`\n\`\`\`\`\n${drill.output}\n\`\`\`\`\n`);
    expect(text).toContain('| Kafka | 4.3.1 |');
  });

  it('keeps apart two steps that are the same command', () => {
    const [first, again, never] = [{ args: 'dlq ls' }, { args: 'dlq ls' }, { args: 'dlq ls' }];
    const done = (planned: object, exit: number) => ({ ...drill, planned, args: 'dlq ls', exit, ms: 1000 });
    const rows = report.summary([first, again, never], [done(first, 0), done(again, 10)]).split('\n');
    expect(rows.slice(1, 4).map((row) => row.trim().split(/ {2,}/))).toEqual([
      ['uplift dlq ls', '0', '1.0 s'],
      ['uplift dlq ls', '10', '1.0 s'],
      ['uplift dlq ls', '-', 'not run'],
    ]);
  });

  it('claims nothing when the drill was not reached', () => {
    expect(report.headline([{ ...drill, args: 'sandbox up' }])).toBeUndefined();
  });
});
