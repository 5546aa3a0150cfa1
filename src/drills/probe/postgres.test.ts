import { describe, expect, it } from 'vitest';
import type { Committed, Sql } from '../../clients/postgres/ports.ts';
import { UpliftError } from '../../core/error.ts';
import { writeOne } from './postgres.ts';

const answering = (end: () => Promise<Committed<unknown>>): Pick<Sql, 'transaction'> => ({
  transaction: (<T>() => end() as Promise<Committed<T>>) as Sql['transaction'],
});
const outcomeOf = (end: () => Promise<Committed<unknown>>) => writeOne(answering(end), 'run', 1);

describe('one write of the Postgres probe', () => {
  it('is acknowledged by a plain COMMIT alone', async () => {
    expect(await outcomeOf(async () => ({ state: 'committed', value: undefined }))).toBe('ok');
  });

  it('is not acknowledged where the wait for a standby was cancelled, although COMMIT answered success', async () => {
    const reason = 'canceling wait for synchronous replication due to user request';
    expect(await outcomeOf(async () => ({ state: 'notAcknowledged', reason }))).toBe('info');
  });

  it('is unknown where the answer to COMMIT never came', async () => {
    expect(await outcomeOf(async () => ({ state: 'unknown', reason: 'connection ended' }))).toBe('info');
  });

  it('was not written where the transaction ended before its COMMIT', async () => {
    const refused = new UpliftError('UPL-POSTGRES-UNREACHABLE', { message: 'no answer' });
    expect(await outcomeOf(() => Promise.reject(refused))).toBe('fail');
  });
});
