import { expect, test } from 'vitest';
import { UpliftError } from '../../core/error.ts';
import { putBackText, unrecordedOf } from './restore.ts';

const full = new UpliftError('UPL-CANNOT-WRITE', {
  message: 'The journal j cannot be written: ENOSPC.',
  next: 'df -h j',
});

test('a restore that its journal could not take is said to be one, with how to end the run', () => {
  expect(unrecordedOf('r1', { failed: [], journalErrors: [full, full] })).toMatchObject({
    code: 'UPL-CANNOT-WRITE',
    message:
      'The journal j cannot be written: ENOSPC. Everything was put back all the same; the record does not say so.',
    next: 'make room (df -h j), then: uplift drill recover r1',
  });
});

test('what stands in the record, and what was not put back, is no such error', () => {
  expect(unrecordedOf('r1', { failed: [], journalErrors: [] })).toBeUndefined();
  const failed = [{ pending: {} as never, error: new Error('no') }];
  expect(unrecordedOf('r1', { failed, journalErrors: [full] })).toBeUndefined();
});

test('a restore says what it has done and no more: nothing of a topology that nobody has looked at', () => {
  const startedNs = 1_000_000_000n;
  const text = (undone: readonly string[]): string => putBackText({ undone, startedNs }, 3_500_000_000n);
  expect(text(['start broker 2', 'hold the topology'])).toBe('everything back after 2.5 s · 2 steps undone');
  expect(text(['start projector-1'])).toBe('everything back after 2.5 s · 1 step undone');
  expect(text([])).toBe('nothing had to be undone');
});
