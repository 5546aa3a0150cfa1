import { expect, test } from 'vitest';
import { withProperties } from './sandbox-brokers.ts';

test('a property gets its other value in its place, one that was not there is added, comments stay', () => {
  const text = '# a=1\na=1\nb=2\n';
  expect(withProperties(text, { a: '9', c: '3' })).toBe('# a=1\na=9\nb=2\n\nc=3\n');
});
