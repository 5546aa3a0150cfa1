import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { waitFor } from '../../core/wait.ts';
import { nextQuestionMs, PROBE_TIMING, ProbeLoop, type ProbeTiming, QUESTION_MS, seenNow } from './probes.ts';

const TIMING: ProbeTiming = { periodMs: 60, timeoutMs: 50, retryMs: 10 };
const loops: ProbeLoop[] = [];

afterEach(async () => {
  await Promise.all(loops.splice(0).map((loop) => loop.stop()));
});

function loopOf(run: () => Promise<string>, timing = TIMING): ProbeLoop {
  const loop = new ProbeLoop([{ name: 'kafka', run }], timing);
  loops.push(loop);
  return loop;
}

const until = (what: string, is: () => boolean): Promise<boolean> =>
  waitFor(async () => is(), { what, timeoutMs: 10_000, intervalMs: 5 });

describe('the loop of probes', () => {
  test('is not ok before the first answer, then says what the answer was, then why there is none', async () => {
    let away = false;
    const loop = loopOf(async () => {
      if (away) throw new Error('connection refused');
      return '3 brokers';
    });
    expect(loop.snapshot()).toMatchObject([{ name: 'kafka', ok: false, detail: 'not asked yet' }]);
    loop.start();
    await until('an answer', () => loop.snapshot()[0]?.ok === true);
    expect(loop.snapshot()).toMatchObject([{ detail: '3 brokers' }]);
    away = true;
    await until('no answer', () => loop.snapshot()[0]?.ok === false);
    expect(loop.snapshot()).toMatchObject([{ detail: 'connection refused' }]);
  });

  test('does not let an answer count that is older than two periods', async () => {
    let asked = 0;
    const hangs = Promise.withResolvers<string>();
    const loop = loopOf(
      () => {
        asked += 1;
        return asked === 1 ? Promise.resolve('fine') : hangs.promise;
      },
      // Nothing ends the second question: only the age of the first answer can say so.
      { periodMs: 60, timeoutMs: 60_000, retryMs: 10 },
    );
    loop.start();
    await until('a second question', () => asked === 2);
    await until('the answer is too old', () => loop.snapshot()[0]?.ok === false);
    const [{ ageMs, detail } = { ageMs: 0, detail: '' }] = loop.snapshot();
    expect(ageMs).toBeGreaterThan(120);
    hangs.resolve('late');
    expect(detail).toMatch(/^no answer for \d+ ms; before: fine$/);
  });

  test('waits for a question that hangs instead of asking again beside it, and takes no late answer', async () => {
    let [asked, open, most] = [0, 0, 0];
    const loop = loopOf(async () => {
      asked += 1;
      open += 1;
      most = Math.max(most, open);
      await new Promise((done) => setTimeout(done, 4 * TIMING.periodMs));
      open -= 1;
      return 'late';
    });
    loop.start();
    await until('three questions', () => asked === 3);
    expect(most).toBe(1);
    expect(loop.snapshot()[0]?.ok).toBe(false);
  });
});

describe('the next question', () => {
  const times = fc.record({ askedMs: fc.nat(1e6), tookMs: fc.nat(5000), ok: fc.boolean() });

  test('begins a period after the last one began, or as soon as that one has ended', () => {
    const last = { askedMs: 1000, endedMs: 2500, ok: true };
    expect(nextQuestionMs(last, PROBE_TIMING)).toBe(3000);
    expect(nextQuestionMs({ ...last, endedMs: 9000 }, PROBE_TIMING)).toBe(9000);
  });

  test('comes sooner when the answer was no, and never later than a period', () => {
    expect(nextQuestionMs({ askedMs: 0, endedMs: 10, ok: false }, PROBE_TIMING)).toBe(1010);
    expect(nextQuestionMs({ askedMs: 0, endedMs: 1900, ok: false }, PROBE_TIMING)).toBe(2000);
  });

  test('is answered before the last answer is two periods old, if it is answered in time', () => {
    fc.assert(
      fc.property(times, fc.nat(PROBE_TIMING.timeoutMs), ({ askedMs, tookMs, ok }, nextTookMs) => {
        const endedMs = askedMs + Math.min(tookMs, PROBE_TIMING.timeoutMs);
        const nextMs = nextQuestionMs({ askedMs, endedMs, ok }, PROBE_TIMING);
        expect(nextMs + nextTookMs - endedMs).toBeLessThan(2 * PROBE_TIMING.periodMs);
      }),
    );
    expect(QUESTION_MS).toBeLessThan(PROBE_TIMING.timeoutMs);
  });
});

test('a probe that asks nobody is as fresh as its look', () => {
  expect(seenNow('producer', () => 'open')).toEqual({ name: 'producer', ok: true, detail: 'open', ageMs: 0 });
  const refused = (): string => {
    throw new Error('connecting');
  };
  expect(seenNow('producer', refused)).toMatchObject({ ok: false, detail: 'connecting', ageMs: 0 });
});
