import { expect, test } from 'vitest';
import { nothingUnfinished } from './conditions.ts';

test('a run that waits to be restored fails the preflight and names what to type', () => {
  expect(nothingUnfinished([])).toMatchObject({ id: 'drill.unfinished', status: 'pass' });
  expect(nothingUnfinished(['0194c2', '0195'])).toMatchObject({
    status: 'fail',
    next: 'uplift drill recover 0194c2',
  });
});
