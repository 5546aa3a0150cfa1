import { describe, expect, it } from 'vitest';
import { differencesOf, holdSetStep } from './hold-set.ts';
import { hasAll } from './prove.ts';
import { SET } from './testing/lives.ts';
import { Model } from './testing/model.ts';
import { makeWhole } from './whole.ts';

const { signal } = new AbortController();
const undoSet = async (model: Model) => {
  if (holdSetStep.undo === 'irreversible') throw new Error('the hold has an undo');
  return holdSetStep.undo({ set: SET }, model.context, { signal });
};
const newModel = (): Model => new Model(['row 0', 'row 1'], [2, 2], true);
const stop = (model: Model, name: string, clean: boolean): void => {
  Object.assign(model.of(name), { running: false, marked: true, clean });
};

describe('the way back to the set that was held', () => {
  it('leaves alone what is as it was', async () => {
    const model = newModel();
    expect(await undoSet(model)).toEqual({ leader: 'az-a', way: [] });
    expect(model.effects.filter((effect) => /promote|fence|start|rewind|copy/.test(effect))).toEqual([]);
  });

  it('finds who has most where all were restarted as replicas, and goes on to the server that led', async () => {
    const model = newModel();
    Object.assign(model.of('az-a'), { recovering: true, marked: true, log: ['row 0'] });
    await undoSet(model);
    expect(await differencesOf(SET, model.context)).toEqual([]);
    expect(model.of('az-a').log).toContain('row 1');
    expect(model.effects.filter((effect) => effect.startsWith('promote'))).toEqual([
      'promote az-b',
      'promote az-a',
    ]);
  });

  it('starts the old primary as leader where it was killed and nobody was promoted', async () => {
    const model = newModel();
    stop(model, 'az-a', false);
    await undoSet(model);
    expect(await differencesOf(SET, model.context)).toEqual([]);
    expect(model.effects.filter((effect) => effect.startsWith('promote'))).toEqual([]);
  });

  it('does not start it as leader where a replica is on a newer timeline: it would lose what was written there', async () => {
    const model = newModel();
    stop(model, 'az-a', false);
    for (const name of ['az-b', 'az-c'])
      Object.assign(model.of(name), { timeline: 2, log: ['row 0', 'row 1', 'timeline 2', 'row 2'] });
    await undoSet(model);
    expect(await differencesOf(SET, model.context)).toEqual([]);
    expect(model.of('az-a').log).toContain('row 2');
    expect(model.leadersAtOnce).toBe(1);
  });

  it('throws where two servers take writes, and touches nothing', async () => {
    const model = newModel();
    Object.assign(model.of('az-b'), { recovering: false });
    await expect(undoSet(model)).rejects.toThrow(/az-a and az-b both take writes/);
    expect(model.effects).toEqual([]);
  });
});

describe('a way back whose proof fails', () => {
  const afterSwitch = async (): Promise<Model> => {
    const model = newModel();
    model.of('az-a').running = false;
    await model.actuator.promote('az-b');
    await makeWhole(SET, model.actuator, signal);
    return model;
  };

  it('lets the leader lead again where its stop became a kill, and switches in the next round', async () => {
    const model = await afterSwitch();
    model.killedStops = 1;
    expect(await undoSet(model)).toEqual({
      leader: 'az-a',
      way: [
        expect.stringMatching(/^az-b kept leading \(az-b ended as "in production"/),
        'switched from az-b to az-a',
      ],
    });
    expect(await differencesOf(SET, model.context)).toEqual([]);
    expect(model.leadersAtOnce).toBe(1);
  });

  it('goes on in the same way where that happened to a process that died', async () => {
    const model = await afterSwitch();
    Object.assign(model.pool, { server: 'az-b', paused: true });
    stop(model, 'az-b', false);
    expect(await undoSet(model)).toMatchObject({
      way: [expect.stringContaining('kept leading'), expect.stringContaining('switched')],
    });
    expect(await differencesOf(SET, model.context)).toEqual([]);
  });

  it('leaves a leader and clients that go on where it fails every time', async () => {
    const model = await afterSwitch();
    model.killedStops = 100;
    await expect(undoSet(model)).rejects.toThrow(/az-a does not lead after az-b kept leading/);
    expect(model.pool).toEqual({ server: 'az-b', paused: false });
    expect(model.of('az-b')).toMatchObject({ running: true, recovering: false });
    model.killedStops = 0;
    await undoSet(model);
    expect(await differencesOf(SET, model.context)).toEqual([]);
  });

  it('does not let a server lead that ended as a replica: it may have less than those that answer', async () => {
    const model = newModel();
    Object.assign(model.of('az-a'), { recovering: true, marked: true });
    Object.assign(model.of('az-c'), { running: false, log: ['row 0'] });
    await undoSet(model);
    expect(await differencesOf(SET, model.context)).toEqual([]);
    expect(model.of('az-c').log).toContain('row 1');
  });
});

describe('making a set whole', () => {
  it.each([true, false])(
    'does not start the primary where another one is on a newer timeline (answers: %s)',
    async (running) => {
      const model = newModel();
      stop(model, 'az-a', false);
      Object.assign(model.of('az-b'), { running, timeline: 2 });
      await expect(makeWhole(SET, model.actuator, signal)).rejects.toThrow(
        /az-b is on timeline 2, az-a on 1/,
      );
      expect(model.effects).toEqual([]);
    },
  );
});

describe('the proof before a planned switch', () => {
  const last = { state: 'shut down', timeline: 2, checkpoint: '0/3000060' };
  const look = {
    up: true,
    inRecovery: true,
    timeline: 2,
    lsn: '0/30000D8',
    receiving: false,
    followsNobody: false,
    synchronousStandbyNames: '',
    standbys: [],
    slots: [],
  } as const;

  it('holds for a replica that stands behind the shutdown record, on the same timeline', () => {
    expect(hasAll(look, last)).toBe('0/30000D8');
    expect(hasAll({ ...look, lsn: '0/3000060' }, last)).toBeNull();
    expect(hasAll({ ...look, timeline: 1 }, last)).toBeNull();
    expect(hasAll({ ...look, inRecovery: false }, last)).toBeNull();
    expect(hasAll(undefined, last)).toBeNull();
  });
});
