import { expect, test } from 'vitest';
import { userName } from './user-name.ts';

test('the user is named, and one without a name by its number', () => {
  expect(userName(() => ({ username: 'ada' }))).toBe('ada');
  const nameless = (): never => {
    throw new Error('uv_os_get_passwd returned ENOENT');
  };
  expect(userName(nameless)).toMatch(/^uid \S+$/);
});
