import { expect, it } from 'vitest';
import type { PostgresSet } from '../steps/postgres/set.ts';
import { awayByStep } from './drill.ts';

const SET: PostgresSet = { units: '/u', servers: ['a', 'b', 'c'], primary: 'a', sync: null, pool: null };
const step = (kind: string) => ({ kind, version: 1, args: null });

it('a takeover may stop the old primary, and whoever it makes a replica anew; afterwards nobody is away', () => {
  expect(awayByStep(SET, step('postgres.kill'))).toEqual(['a']);
  expect(awayByStep(SET, step('postgres.promote'))).toEqual(['a']);
  expect(awayByStep(SET, step('postgres.rejoin'))).toEqual(SET.servers);
  expect(awayByStep(SET, undefined)).toEqual([]);
});
