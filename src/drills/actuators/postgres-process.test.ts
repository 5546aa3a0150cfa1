import { expect, it } from 'vitest';
import { pauseUnit } from '../../clients/process/signal.ts';
import { startUnit } from '../../clients/process/start.ts';
import { statusOf } from '../../clients/process/status.ts';
import { logged, STAY, tinyUnits } from '../../clients/process/tiny-units-fixture.ts';
import { processPostgres } from './postgres-process.ts';

const tiny = tinyUnits();

it('wakes a Postgres server that was stopped and not yet killed when its drill died', async () => {
  const unit = await tiny.unitOf(STAY, { kind: 'postgres', labels: { server: 'az-a' } });
  const started = await startUnit(unit);
  await logged(unit, 'up');
  await pauseUnit(unit);
  // It has no data folder, which is asked for once it is awake: nothing waits for an answer of it.
  await expect(processPostgres(`${tiny.dir()}/units`).start('az-a', 'leader')).rejects.toThrow(
    /does not say its dataDir/,
  );
  expect(await statusOf(unit)).toEqual({ state: 'running', process: started });
});
