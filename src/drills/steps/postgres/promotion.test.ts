import { describe, expect, it } from 'vitest';
import { differencesOf } from './hold-set.ts';
import { setLedBy } from './places.ts';
import { onlyCrash, SET } from './testing/lives.ts';
import { Model } from './testing/model.ts';
import { makeWhole } from './whole.ts';

const { signal } = new AbortController();
const READY = { leads: true, synchronousStandbyNames: 'ANY 1 (az_a, az_c)' } as const;

/** az-a was killed and fenced; az-b was made ready to lead, and nobody knows whether it was asked to. */
function newModel(): Model {
  const model = new Model(['row 0', 'row 1'], [2, 2], true);
  Object.assign(model.of('az-a'), { running: false, marked: true });
  model.of('az-b').role = READY;
  return model;
}
/** Somebody asks for the promotion and dies before it has come true. */
async function askAndDie(model: Model): Promise<void> {
  model.live({ effect: 0, late: true });
  await model.actuator.promote('az-b').catch(onlyCrash);
  model.live();
}
const whole = (model: Model) => makeWhole(SET, model.actuator, signal);

describe('making a set whole while a replica may be in promotion', () => {
  it('stops that replica before another server leads, and lets it follow again', async () => {
    const model = newModel();
    model.slow = { looks: 7, endsInStop: false };
    await askAndDie(model);
    expect(await whole(model)).toEqual({ leader: 'az-a' });
    model.land();
    expect(model.effects.indexOf('fence az-b')).toBeLessThan(model.effects.indexOf('start az-a as leader'));
    expect(await differencesOf(SET, model.context)).toEqual([]);
    expect(model.leadersAtOnce).toBe(1);
  });

  it('does the same where it was never asked: no time says that it was not', async () => {
    const model = newModel();
    expect(await whole(model)).toEqual({ leader: 'az-a' });
    expect(model.effects).toContain('fence az-b');
    expect(await differencesOf(SET, model.context)).toEqual([]);
  });

  it('lets it lead where its stop has let the promotion come true', async () => {
    const model = newModel();
    model.slow = { looks: 1000, endsInStop: true };
    await askAndDie(model);
    expect(await whole(model)).toEqual({ leader: 'az-b' });
    expect(await differencesOf({ ...setLedBy(SET, 'az-b'), pool: null }, model.context)).toEqual([]);
    expect(model.leadersAtOnce).toBe(1);
  });

  it('lets one lead that somebody stopped as a leader and who then died', async () => {
    const model = newModel();
    const led = { running: false, marked: true, recovering: false, clean: true, timeline: 2 };
    Object.assign(model.of('az-b'), led, { log: ['row 0', 'row 1', 'timeline 2', 'row 2'] });
    expect(await whole(model)).toEqual({ leader: 'az-b' });
    expect(model.of('az-a').log).toContain('row 2');
  });

  it('lets nobody lead where one was killed as a leader, or looks like that', async () => {
    const model = newModel();
    Object.assign(model.of('az-b'), { running: false, recovering: false, clean: false });
    await expect(whole(model)).rejects.toThrow(/az-b ended as "in production" and may have led/);
    expect(model.effects).toEqual([]);
  });

  it('lets nobody lead where two have led', async () => {
    const model = newModel();
    const led = { running: false, recovering: false, clean: true, timeline: 2 };
    for (const server of ['az-b', 'az-c']) Object.assign(model.of(server), led);
    await expect(whole(model)).rejects.toThrow(/az-b and az-c both led/);
    expect(model.effects).toEqual([]);
  });

  it('waits for a server that starts', async () => {
    const model = newModel();
    model.of('az-c').silent = 3;
    expect(await whole(model)).toEqual({ leader: 'az-a' });
  });
});
