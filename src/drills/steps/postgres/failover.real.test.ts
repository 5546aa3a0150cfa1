import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CutOff,
  cutOffFailover,
  type FailoverWorld,
  removeJournals,
  startFailoverWorld,
} from '../../../../test/support/failover-world.ts';
import { longestGapMs } from '../../../../test/support/row-writer.ts';
import { systemClock } from '../../../core/clock.ts';
import { readRecord, resumeJournal } from '../../../record/open.ts';
import { undoSteps } from '../../../steps/engine.ts';
import { processPostgres } from '../../actuators/postgres-process.ts';
import { chooseMostAdvanced } from './choose.ts';
import { failoverSteps, switchoverSteps } from './index.ts';
import { syncTextFor } from './places.ts';
import { lookAtAll, type PostgresSet } from './set.ts';

let world: FailoverWorld;

beforeAll(async () => {
  world = await startFailoverWorld();
});

afterAll(async () => {
  await world?.end();
  await removeJournals();
});

describe('the failover of a Postgres primary, under a writer through PgBouncer', () => {
  it('loses no acknowledged row in a crash, and the old primary rejoins by a rewind', async () => {
    await world.expectWhole('az-a');
    await world.writes(200);
    const set = await world.setNow();
    const killedMs = await world.kill('az-a');
    const { promoted, results } = await world.run(failoverSteps(set));
    await world.writes(200);
    world.note(`longest gap ${Math.round(longestGapMs(world.writer.timesMs, killedMs))} ms`);
    expect(['az-b', 'az-c']).toContain(promoted);
    expect(results.at(-1)?.result).toMatchObject({ leader: promoted, how: 'rewound' });
    await world.expectWhole(promoted);
  });

  it('comes back to where the primary was by the planned way', async () => {
    const killedMs = performance.now();
    const { promoted } = await world.run(switchoverSteps(await world.setNow(), 'az-a'));
    await world.writes(200);
    world.note(`longest gap ${Math.round(longestGapMs(world.writer.timesMs, killedMs))} ms`);
    expect(promoted).toBe('az-a');
    await world.expectWhole('az-a');
  });

  it('changes nothing when it is run again', async () => {
    const before = await world.setNow();
    await world.run(switchoverSteps({ ...before, primary: 'az-b' }, 'az-a'));
    await world.expectWhole('az-a');
  });
});

describe('a failover whose process is killed', () => {
  const points: readonly [string, CutOff][] = [
    ['as soon as the promotion was to begin', { event: 'begun postgres.promote' }],
    ['between the promotion and the repointing', { event: 'verified postgres.promote' }],
    ['while pg_rewind works, which goes on alone', { event: 'begun postgres.rejoin', tool: 'runs' }],
    ['together with its pg_rewind', { event: 'begun postgres.rejoin', tool: 'dies' }],
  ];

  it.each(points)('%s, is finished by another process', async (_, cutOff) => {
    const set = await world.setNow();
    await world.writes(50);
    await world.kill(set.primary);
    await cutOffFailover(world, failoverSteps(set), cutOff);
    const { promoted, results } = await world.run(failoverSteps(set));
    await world.writes(50);
    await world.expectWhole(promoted);
    const how = cutOff.tool === 'dies' ? 'copied' : 'rewound';
    expect(results.at(-1)?.result).toMatchObject({ how });
  });

  it('is put in order by whoever reads its journal', async () => {
    const set = await world.setNow();
    await world.kill(set.primary);
    const path = await cutOffFailover(world, failoverSteps(set), { event: 'verified postgres.promote' });
    const { entries } = await readRecord(path);
    const journal = await resumeJournal(path, { actor: 'recover', clock: systemClock });
    const { failed, undone } = await undoSteps({ ...world.engine, journal, entries });
    await journal.close();
    expect(failed).toEqual([]);
    expect(undone.map(({ step }) => step.kind)).toEqual(['postgres.fence', 'postgres.holdPool']);
    await world.writes(50);
    const { primary } = await world.setNow();
    expect(primary).not.toBe(set.primary);
    await world.expectWhole(primary);
  });

  it.each([0, 40, 150, 400])(
    'is put in order with one leader where the promotion was asked for %i ms before',
    async (agoMs) => {
      const set = await world.setNow();
      await world.writes(50);
      await world.kill(set.primary);
      const path = await cutOffFailover(world, failoverSteps(set), { event: 'begun postgres.promote' });
      const servers = processPostgres(set.units);
      const candidate = await mostAdvanced(set, servers);
      await servers.setRole(candidate, {
        leads: true,
        synchronousStandbyNames: syncTextFor(set, candidate),
      });
      const asked = servers.promote(candidate).then(
        () => 'came true',
        () => 'was cut off',
      );
      await delay(agoMs);
      const { entries } = await readRecord(path);
      const journal = await resumeJournal(path, { actor: 'recover', clock: systemClock });
      const { failed } = await undoSteps({ ...world.engine, journal, entries });
      await journal.close();
      expect(failed).toEqual([]);
      const { primary } = await world.setNow();
      world.note(`asked ${agoMs} ms before: it ${await asked}, ${primary} of ${set.primary} leads`);
      expect([set.primary, candidate]).toContain(primary);
      await world.writes(50);
      await world.expectWhole(primary);
    },
  );

  it('has lost nothing in all of them', () => {
    const { acknowledged, unknown, failures } = world.writer;
    world.note(`${acknowledged.size} acknowledged, ${unknown.size} unknown, ${failures()} failures`);
    expect(acknowledged.size).toBeGreaterThan(1000);
  });
});

async function mostAdvanced(set: PostgresSet, servers: ReturnType<typeof processPostgres>): Promise<string> {
  const looks = await lookAtAll(set, servers);
  const candidates = set.servers.filter((server) => server !== set.primary);
  const replicas = [...looks].flatMap(([server, look]) => (server === set.primary ? [] : [{ server, look }]));
  const choice = chooseMostAdvanced({ replicas, candidates, sync: set.sync });
  if (!choice.ok) throw new Error(choice.reason);
  return choice.server;
}
