import { expect, test } from 'vitest';
import { UpliftError } from '../../core/error.ts';
import { unrecordedOf } from './restore.ts';

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
