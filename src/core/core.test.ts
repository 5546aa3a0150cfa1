import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isUpliftError, reasonOf, UpliftError } from './error.ts';
import { EXIT, type ExitCode, exitForSignal, worstExit } from './exit.ts';
import { exitOfVerdict, type FindingStatus, verdictOf, worstFirst } from './finding.ts';
import { formatClock, formatCount, formatMs, formatRetention } from './units.ts';
import { waitFor, withDeadline } from './wait.ts';

/** The order as design and docs state it, once more. */
const ORDER: readonly ExitCode[] = [16, 74, 1, 129, 130, 143, 15, 10, 12, 69, 13, 11, 14];
const codes = Object.values(EXIT);

describe('exit codes', () => {
  it('rank as the table says, for every pair', () => {
    for (const [at, code] of ORDER.entries()) {
      for (const lower of [...ORDER.slice(at), EXIT.ok]) expect(worstExit([lower, code])).toBe(code);
    }
  });
  it('merge to one of their own, in any order and grouping', () => {
    const some = fc.array(fc.constantFrom(...codes), { minLength: 1 });
    fc.assert(
      fc.property(some, some, (a, b) => {
        expect(a).toContain(worstExit(a));
        expect(worstExit([...a, ...b])).toBe(worstExit([...b, ...a]));
        expect(worstExit([worstExit(a), worstExit(b)])).toBe(worstExit([...a, ...b]));
      }),
    );
    expect(worstExit([])).toBe(0);
  });
  it('of signals are 128 + their number', () => {
    expect((['SIGHUP', 'SIGINT', 'SIGTERM'] as const).map(exitForSignal)).toEqual([129, 130, 143]);
  });
});

describe('verdicts', () => {
  const status = fc.constantFrom<FindingStatus>(
    'pass',
    'warn',
    'fail',
    'inconclusive',
    'blocked',
    'notApplicable',
  );
  const findings = fc.array(status.map((one) => ({ status: one })));

  it('never pass when nothing was examined', () => {
    expect(verdictOf([])).toBe('inconclusive');
    expect(verdictOf([{ status: 'notApplicable' }])).toBe('inconclusive');
  });
  it('pass only when something passed and nothing else spoke', () => {
    fc.assert(
      fc.property(findings, (list) => {
        const quiet = list.every((one) => one.status === 'pass' || one.status === 'notApplicable');
        expect(verdictOf(list) === 'pass').toBe(quiet && list.some((one) => one.status === 'pass'));
      }),
    );
  });
  it('are not softened by more findings of any kind', () => {
    const rank = ['pass', 'warn', 'inconclusive', 'fail'];
    fc.assert(
      fc.property(findings, findings, (a, b) => {
        const harder = verdictOf([...a, ...b]);
        // "Nothing examined" is the one verdict that new findings may replace by a better one.
        for (const part of [a, b]) {
          if (part.some((one) => one.status !== 'notApplicable'))
            expect(rank.indexOf(harder)).toBeGreaterThanOrEqual(rank.indexOf(verdictOf(part)));
        }
      }),
    );
  });
  it('become exit codes, warnings only under --strict', () => {
    expect((['pass', 'warn', 'fail', 'inconclusive'] as const).map((one) => exitOfVerdict(one))).toEqual([
      0, 0, 10, 12,
    ]);
    expect(exitOfVerdict('warn', { strict: true })).toBe(11);
  });
  it('put the worst finding first and keep the order within a status', () => {
    const made = (['pass', 'fail', 'warn', 'fail', 'inconclusive'] as const).map((one, at) => ({
      id: String(at),
      title: '',
      status: one,
      summary: '',
      evidence: [],
    }));
    expect(worstFirst(made).map(({ id }) => id)).toEqual(['1', '3', '4', '2', '0']);
  });
});

describe('units', () => {
  it('are written for people', () => {
    expect(formatCount(1_234_567)).toBe('1,234,567');
    expect(formatCount(9_007_199_254_740_993n)).toBe('9,007,199,254,740,993');
    expect([0, 999, 1_000, 119_999, 125_000].map(formatMs)).toEqual([
      '0 ms',
      '999 ms',
      '1.0 s',
      '120.0 s',
      '2 min 5 s',
    ]);
    expect([604_800_000, 43_200_000, 90_000].map(formatRetention)).toEqual(['7d', '12h', '90.0 s']);
    expect(formatClock(0)).toMatch(/^\d\d:\d\d:\d\d\.000$/);
  });
});

describe('errors', () => {
  it('carry the exit code of their row unless it is overridden', () => {
    expect(new UpliftError('UPL-KAFKA-UNREACHABLE', { message: 'm' }).exit).toBe(69);
    expect(new UpliftError('UPL-KAFKA-UNREACHABLE', { message: 'm', exit: 15 }).exit).toBe(15);
    expect(isUpliftError(new UpliftError('UPL-USAGE', { message: 'm' }), 'UPL-DEADLINE')).toBe(false);
  });
  it('give the innermost reason', () => {
    expect(reasonOf(new Error('a', { cause: new Error('b', { cause: 'c' }) }))).toBe('a (b (c))');
    expect(reasonOf(new Error('no answer: refused', { cause: new Error('refused') }))).toBe(
      'no answer: refused',
    );
    const away = new UpliftError('UPL-KAFKA-UNREACHABLE', {
      message: 'away (refused).',
      cause: new Error('c'),
    });
    expect(reasonOf(away)).toBe('away (refused).');
    const circle = new Error('round');
    circle.cause = new Error('and round', { cause: circle });
    expect(reasonOf(circle).length).toBeLessThan(200);
    expect(reasonOf(new AggregateError([new Error('first'), new Error('second')], 'all'))).toBe(
      'all (first)',
    );
  });
});

describe('waiting', () => {
  it('returns the first value, and names what it awaited and saw last when the time is over', async () => {
    let calls = 0;
    expect(
      await waitFor(async () => (calls++ > 1 ? calls : false), {
        what: 'x',
        timeoutMs: 1_000,
        intervalMs: 1,
      }),
    ).toBe(3);
    const late = waitFor(() => Promise.reject(new Error('refused')), {
      what: 'broker 2 registered',
      timeoutMs: 10,
      intervalMs: 1,
    });
    await expect(late).rejects.toMatchObject({
      code: 'UPL-DEADLINE',
      message: 'broker 2 registered: not within 10 ms; last: refused',
    });
    await expect(withDeadline('y', 5, new Promise(() => undefined))).rejects.toMatchObject({ exit: 13 });
    await expect(
      waitFor(async () => false, { what: 'x', timeoutMs: 1_000, signal: AbortSignal.abort('stop') }),
    ).rejects.toBe('stop');
  });
});
