import { describe, expect, it } from 'vitest';
import { killUnit, pauseUnit } from '../../clients/process/signal.ts';
import { startUnit } from '../../clients/process/start.ts';
import { statusOf } from '../../clients/process/status.ts';
import { logged, STAY, tinyUnits } from '../../clients/process/tiny-units-fixture.ts';
import { processActuator, processRedis } from './process.ts';

const tiny = tinyUnits();
const broker = () => tiny.unitOf(STAY, { kind: 'kafka', labels: { brokerId: '2' } });
const actuator = () => processActuator(`${tiny.dir()}/units`);

describe('the process actuator', () => {
  it('kills a broker and starts it again as another process', async () => {
    const unit = await broker();
    const first = await startUnit(unit);
    expect(await actuator().describe(2)).toEqual({ ok: true, text: `tiny, pid ${first.pid}` });
    await actuator().kill(2);
    expect(await actuator().running(2)).toBe(false);
    await actuator().kill(2);
    await actuator().start(2);
    expect(await statusOf(unit)).toMatchObject({ state: 'running' });
    expect((await startUnit(unit)).pid).not.toBe(first.pid);
  });

  it('wakes a broker that was stopped and not yet killed when its drill died', async () => {
    const unit = await broker();
    const started = await startUnit(unit);
    await logged(unit, 'up');
    await pauseUnit(unit);
    await actuator().start(2);
    expect(await statusOf(unit)).toEqual({ state: 'running', process: started });
  });

  it('leaves a running broker alone', async () => {
    const started = await startUnit(await broker());
    await actuator().start(2);
    expect(await actuator().describe(2)).toEqual({ ok: true, text: `tiny, pid ${started.pid}` });
  });

  it('has no hold of a broker that has no unit or does not run', async () => {
    const unit = await broker();
    expect(await actuator().describe(3)).toMatchObject({ ok: false });
    expect(await actuator().describe(2)).toEqual({ ok: false, text: 'tiny is neverStarted' });
    await startUnit(unit);
    await killUnit(unit);
    expect(await actuator().describe(2)).toEqual({ ok: false, text: 'tiny is exited' });
  });

  it('finds a Redis node by host and port, whatever else listens there or has that port elsewhere', async () => {
    const ready = { kind: 'tcp', host: '127.0.0.1', port: 7001 } as const;
    await tiny.unitOf(STAY, { id: 'other', kind: 'service', ready });
    const unit = await tiny.unitOf(STAY, { kind: 'redis', ready });
    const redis = processRedis(`${tiny.dir()}/units`);
    await startUnit(unit);
    expect(await redis.describe('127.0.0.1:7001')).toMatchObject({ ok: true });
    await redis.kill('127.0.0.1:7001');
    expect(await redis.running('127.0.0.1:7001')).toBe(false);
    for (const other of ['127.0.0.1:7002', '10.0.0.1:7001'])
      expect(await redis.describe(other)).toMatchObject({ ok: false, text: expect.stringContaining(other) });
  });
});
