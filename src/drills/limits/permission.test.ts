import { describe, expect, it } from 'vitest';
import { type Limits, permissionOf } from './permission.ts';

const NOW = Date.parse('2026-11-26T14:30:00Z');
const HOUR_MS = 3_600_000;

const NONE: Limits = {
  environment: { name: 'shop', production: false },
  inProduction: false,
  journalDir: '/state',
  stop: async () => ({ kind: 'allowed' }),
  ...{ window: undefined, budget: undefined },
  nowMs: () => NOW,
  origin: (key) => ({ source: 'file', text: `uplift.yaml: ${key}` }),
};
const PRODUCTION = { environment: { name: 'shop', production: true } };
const WINDOW: Limits['window'] = {
  ...{ days: ['thu'], from: '09:00', to: '16:00', timeZone: 'Europe/Berlin', blocked: [] },
};
const budget = (ask: NonNullable<Limits['budget']>['ask']): Limits['budget'] => ({
  query: 'left',
  min: 0.2,
  ask,
});

const said = async (limits: Partial<Limits>, neededMs = 0) =>
  (await permissionOf({ ...NONE, ...limits }).findings(neededMs)).map(({ id, status, summary, next }) => [
    ...[id, status, summary],
    ...(next === undefined ? [] : [next]),
  ]);
const STOP = ['drill.stop', 'pass', 'nobody stopped them'];

describe('whether drills may run at all', () => {
  it('what nobody set is no finding', async () => {
    expect(await said({})).toEqual([STOP]);
  });

  it('production is off until it is switched on', async () => {
    const off = 'shop is a production environment; drills are off there';
    expect((await said(PRODUCTION))[0]).toEqual([
      ...['drill.production', 'fail', off, 'drills: { inProduction: true } in uplift.yaml'],
    ]);
    expect(await said({ ...PRODUCTION, inProduction: true })).toEqual([
      ['drill.production', 'pass', 'on'],
      STOP,
    ]);
    expect(await said({ inProduction: true })).toEqual([STOP]);
  });

  it('a stop switch that is on fails, one that cannot be read is no data', async () => {
    const order = { by: 'ada', host: 'ops-1', at: '2026-11-26T14:03:11.204Z', reason: 'payday' };
    const stopped: Limits['stop'] = async () => ({ kind: 'stopped', orders: [order] });
    const why = 'drills are stopped by ada on ops-1 at 2026-11-26T14:03:11.204Z: payday';
    expect(await said({ stop: stopped })).toEqual([['drill.stop', 'fail', why, 'uplift drill allow']]);
    expect(await permissionOf({ ...NONE, stop: stopped }).stopped()).toBe(why);
    const unknown: Limits['stop'] = async () => ({ kind: 'unknown', why: 'EIO' });
    const unread = 'the stop switch cannot be read: EIO';
    expect(await said({ stop: unknown })).toEqual([['drill.stop', 'inconclusive', unread, 'ls -ld /state']]);
    expect(await permissionOf({ ...NONE, stop: unknown }).stopped()).toBe(unread);
    expect(await permissionOf(NONE).stopped()).toBeUndefined();
  });

  it('a journal folder that keeps nothing fails', async () => {
    expect((await said({ journalTrouble: async () => undefined }))[0]).toEqual([
      'drill.journal',
      'pass',
      '/state',
    ]);
    expect((await said({ journalTrouble: async () => 'EROFS' }))[0]).toEqual([
      ...['drill.journal', 'fail', 'no journal can be kept in /state: EROFS', 'ls -ld /state'],
    ]);
  });

  it('a window has to be open for as long as the drill may take, and says when it is next', async () => {
    const open = 'open for the 30 min 0 s that the drill may take (thu 09:00 to 16:00 Europe/Berlin)';
    expect(await said({ window: WINDOW }, HOUR_MS / 2)).toEqual([STOP, ['drill.window', 'pass', open]]);
    expect((await said({ window: WINDOW }, HOUR_MS))[1]).toEqual([
      ...['drill.window', 'fail'],
      'it closes at thu 2026-11-26 16:00 Europe/Berlin, before the drill must have ended; it opens next at thu 2026-12-03 09:00 Europe/Berlin (in 6 d 17 h) for the 60 min 0 s that the drill may take',
    ]);
    const never = await said({ window: { ...WINDOW, blocked: ['2026-01-01..2029-01-01'] } });
    expect(never[1]?.[2]).toBe('2026-11-26 is a blocked date; it does not open again long enough');
  });

  it('an error budget needs a number that is high enough', async () => {
    const asked = async (ask: NonNullable<Limits['budget']>['ask']) =>
      (await said({ budget: budget(ask) }))[1];
    expect(await asked(async () => ({ kind: 'share', share: 0.2 }))).toEqual([
      ...['drill.errorBudget', 'pass', '20 % left, at least 20 % needed'],
    ]);
    expect(await asked(async () => ({ kind: 'share', share: -0.013 }))).toEqual([
      ...['drill.errorBudget', 'fail', '-1.3 % left, at least 20 % needed'],
    ]);
    expect(await asked(async () => ({ kind: 'noData', why: 'status 503' }))).toEqual([
      ...['drill.errorBudget', 'inconclusive', 'no data: status 503'],
    ]);
  });

  it('before anything is asked of anybody: all of it but the budget', async () => {
    let asked = 0;
    const ask = async () => {
      asked += 1;
      return { kind: 'share', share: 1 } as const;
    };
    const limits = { ...NONE, ...PRODUCTION, window: WINDOW, budget: budget(ask) };
    const before = await permissionOf(limits).before();
    expect(before.map(({ id }) => id)).toEqual(['drill.production', 'drill.stop', 'drill.window']);
    expect(before[0]?.promise).toEqual({ source: 'file', text: 'uplift.yaml: inProduction' });
    expect(asked).toBe(0);
  });
});
