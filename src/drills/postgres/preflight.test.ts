import { describe, expect, it } from 'vitest';
import type { Observed } from '../../facts/observed.ts';
import type { Inspection, ServerLook } from '../actuators/postgres.ts';
import { notMet } from '../engine/refuse.ts';
import { SET } from '../steps/postgres/testing/lives.ts';
import { synchronousFirst } from './drill.ts';
import type { PoolFacts } from './observe.ts';
import { type PreflightFacts, preflightFindings } from './preflight.ts';

const RULE = 'ANY 1 (az_b, az_c)';
const standby = (name: string, syncState = 'quorum') => ({ name, state: 'streaming', syncState });
const PRIMARY: ServerLook = {
  up: true,
  inRecovery: false,
  timeline: 1,
  lsn: '0/5',
  receiving: false,
  followsNobody: true,
  synchronousStandbyNames: RULE,
  standbys: [standby('az_b'), standby('az_c')],
  slots: ['az_b', 'az_c'],
};
const REPLICA: ServerLook = {
  ...PRIMARY,
  inRecovery: true,
  receiving: true,
  followsNobody: false,
  synchronousStandbyNames: '',
  standbys: [],
  slots: [],
};
const INSPECTION: Inspection = {
  inRecovery: false,
  checksums: true,
  walLogHints: false,
  configInsideData: false,
  replayPaused: false,
  preparedTransactions: 0,
  oldestTransactionMs: 20,
  slots: [
    { name: 'az_b', kind: 'physical', active: true },
    { name: 'az_c', kind: 'physical', active: true },
  ],
  lagBytes: [
    { name: 'az_b', bytes: 0 },
    { name: 'az_c', bytes: 900 },
  ],
  walReceiverTimeoutMs: 5000,
  synchronousCommit: 'on',
};
const POOL: PoolFacts = {
  look: { server: 'az-a', paused: false },
  reaches: { server: 'az-a', writable: true },
  settings: { serverLoginRetryMs: 1000, queryWaitTimeoutMs: 120_000 },
};

const seen = <T>(value: T): Observed<T> => ({ seen: true, atMs: 0, value });
const unseen = { seen: false, atMs: 0, reason: 'no answer' } as const;

interface Change {
  readonly primary?: Partial<typeof PRIMARY>;
  readonly inspect?: Readonly<Record<string, Partial<Inspection> | undefined>>;
  readonly pool?: Observed<PoolFacts>;
  readonly facts?: Partial<PreflightFacts>;
}

function factsWith({ primary = {}, inspect = {}, pool = seen(POOL), facts = {} }: Change): PreflightFacts {
  const inspectionOf = (server: string): Observed<Inspection> => {
    const own = server === 'az-a' ? INSPECTION : { ...INSPECTION, inRecovery: true, slots: [], lagBytes: [] };
    if (server in inspect && inspect[server] === undefined) return unseen;
    return seen({ ...own, ...inspect[server] });
  };
  return {
    region: 'local',
    set: SET,
    looks: new Map<string, ServerLook>([
      ['az-a', { ...PRIMARY, ...primary } as ServerLook],
      ['az-b', REPLICA],
      ['az-c', REPLICA],
    ]),
    inspections: new Map(SET.servers.map((server) => [server, inspectionOf(server)])),
    processes: new Map(SET.servers.map((server) => [server, { ok: true, text: server }])),
    pool,
    candidates: ['az-b', 'az-c'],
    crash: true,
    ...facts,
  };
}

const badOf = (change: Change): string[] =>
  notMet(preflightFindings(factsWith(change))).map(({ id, status }) => `${id} ${status}`);

describe('the preflight of a Postgres drill', () => {
  it('passes on a set that is as it should be', () => {
    expect(badOf({})).toEqual([]);
    expect(preflightFindings(factsWith({}))).toHaveLength(10);
  });

  const logical = { name: 'cdc', kind: 'logical', active: true } as const;
  const cases: readonly [string, Change, string[]][] = [
    [
      'a replica that lags',
      { inspect: { 'az-a': { lagBytes: [{ name: 'az_b', bytes: 9e7 }] } } },
      ['drill.postgres.lag fail'],
    ],
    [
      'a long transaction',
      { inspect: { 'az-a': { oldestTransactionMs: 9000 } } },
      ['drill.postgres.transactions fail'],
    ],
    [
      'a prepared transaction',
      { inspect: { 'az-a': { preparedTransactions: 1 } } },
      ['drill.postgres.transactions fail'],
    ],
    [
      'a server that cannot be rewound',
      { inspect: { 'az-c': { checksums: false } } },
      ['drill.postgres.rewind fail'],
    ],
    [
      'configuration inside a data folder',
      { inspect: { 'az-b': { configInsideData: true } } },
      ['drill.postgres.rewind fail'],
    ],
    [
      'a slot that nobody uses',
      {
        inspect: {
          'az-a': { slots: INSPECTION.slots.map((slot) => ({ ...slot, active: slot.name === 'az_b' })) },
        },
      },
      ['drill.postgres.slots fail'],
    ],
    [
      'a logical slot',
      { inspect: { 'az-a': { slots: [...INSPECTION.slots, logical] } } },
      ['drill.postgres.slots fail'],
    ],
    ['a paused replay', { inspect: { 'az-b': { replayPaused: true } } }, ['drill.postgres.replay fail']],
    [
      'a pool that is paused',
      { pool: seen({ ...POOL, look: { server: 'az-a', paused: true } }) },
      ['drill.postgres.pooler fail'],
    ],
    [
      'a pool that leads elsewhere',
      { pool: seen({ ...POOL, reaches: { server: 'az-b', writable: false } }) },
      ['drill.postgres.pooler fail'],
    ],
    ['a pool that does not answer', { pool: unseen }, ['drill.postgres.pooler inconclusive']],
    [
      'a process that is not ours',
      { facts: { processes: new Map([['az-a', { ok: false, text: 'exited' }]]) } },
      ['drill.victim inconclusive'],
    ],
  ];
  it.each(cases)('refuses %s', (_, change, bad) => {
    expect(badOf(change)).toEqual(bad);
  });

  it('refuses a rule that would not come back as it is, one that cannot be inherited among them', () => {
    const changed = badOf({ primary: { synchronousStandbyNames: 'FIRST 1 (az_b)' } });
    expect(changed).toContain('drill.postgres.rule fail');
  });

  it('refuses to crash a primary whose commits wait for nobody, and switches it as planned all the same', () => {
    const asynchronous = (crash: boolean) =>
      badOf({
        primary: {
          synchronousStandbyNames: '',
          standbys: [standby('az_b', 'async'), standby('az_c', 'async')],
        },
        facts: { crash, set: { ...SET, sync: null } },
      });
    expect(asynchronous(true)).toEqual(['drill.postgres.rule fail', 'drill.postgres.candidate fail']);
    expect(asynchronous(false)).toEqual([]);
  });

  it('is inconclusive, never a pass, for every condition of a server that did not answer', () => {
    expect(badOf({ inspect: { 'az-a': undefined } })).toEqual(
      ['lag', 'transactions', 'rewind', 'slots', 'replay'].map(
        (what) => `drill.postgres.${what} inconclusive`,
      ),
    );
  });
});

describe('the candidate of a planned switch', () => {
  it('is the first replica that counts for synchronous commits', () => {
    const potential = { ...PRIMARY, standbys: [standby('az_b', 'potential'), standby('az_c', 'sync')] };
    const { looks } = factsWith({ primary: potential });
    expect(synchronousFirst({ set: SET, looks })).toEqual(['az-c', 'az-b']);
  });
});
