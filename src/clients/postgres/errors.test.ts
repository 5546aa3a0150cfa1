import { expect, test } from 'vitest';
import { toSqlError } from './errors.ts';

const answered = (message: string, code: string): Error =>
  Object.assign(new Error(message), { code, severity: 'ERROR' });

test('a Postgres whose disk is full is away, and is not said to have been silent', () => {
  const full = answered('could not extend file "base/1/2": No space left on device', '53100');
  expect(toSqlError(full, 'a:1/db')).toMatchObject({
    code: 'UPL-POSTGRES-UNREACHABLE',
    message:
      'Postgres at a:1/db lacks what it needs: could not extend file "base/1/2": No space left on device (SQLSTATE 53100)',
  });
  expect(toSqlError(answered('starting up', '57P03'), 'a:1/db').message).toContain('did not answer');
});
