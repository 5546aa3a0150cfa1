import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { procEntry } from '../../clients/process/proc-table.ts';
import { alive } from '../../clients/process/tiny-units-fixture.ts';
import { waitFor } from '../../core/wait.ts';
import { askedOf, type ExecWorld, execConfig, execWorld, SCRIPTED } from './testing/exec-world.ts';

let world: ExecWorld;
beforeEach(async () => {
  world = await execWorld(await mkdtemp(join(tmpdir(), 'uplift-exec-')));
});
afterEach(async () => {
  await world.close();
  await rm(world.dir, { recursive: true, force: true });
});

const brokers = (change: object = {}, region: object = {}) =>
  world.actuators(execConfig({ ...SCRIPTED, ...change }), region).brokers;
const sh = (script: string) => ({ argv: ['/bin/sh', '-c', script, 'sh', '{id}'] });
const kill = (script: string, more: object = {}) => ({ kill: { ...sh(script), undo: 'byItself', ...more } });

describe('a command that goes wrong is told apart', () => {
  it.each([
    [
      'is missing',
      { kill: { argv: ['no-such-program'], undo: 'byItself' } },
      /the kill of broker 2: no-such-program was not found/,
    ],
    ['ends with another exit code', kill('echo "no quota for $1" >&2; exit 9'), /exit 9: no quota for 2$/],
    ['says nothing', kill('exit 3'), /exit 3; it printed nothing/],
    ['is ended by a signal', kill('kill -TERM $$'), /ended by a signal/],
    [
      'does not end',
      kill('echo working; sleep 60', { timeout: '200ms' }),
      /did not end within 200 ms and was killed: working/,
    ],
  ])('%s', async (_, change, message) => {
    await world.up('2');
    await expect(brokers(change).kill(2)).rejects.toThrow(message);
  });

  it.each([
    [
      'prints rubbish',
      'echo "<html>"; echo oops',
      'printed "<html> oops", not one of running, stopped, hung',
    ],
    ['prints nothing', 'true', 'printed "", not one of'],
    ['prints two words', 'echo running stopped', 'printed "running stopped"'],
    ['prints without end', 'yes running | head -n 5000', 'printed too much'],
    ['fails', 'echo running; exit 1', 'ended with exit 1: running'],
  ])('a state that %s is no state', async (_, script, message) => {
    await world.up('2');
    const actuator = brokers({ state: sh(script) });
    await expect(actuator.running(2)).rejects.toThrow(message);
    await expect(actuator.hanging(2)).rejects.toThrow(message);
    expect(await actuator.describe(2)).toMatchObject({ ok: false, text: expect.stringContaining(message) });
    await expect(actuator.kill(2)).rejects.toThrow(message);
    await expect(actuator.start(2)).rejects.toThrow(message);
    expect(await world.calls('2')).toEqual([]);
  });

  it('in words of its own, where uplift.yaml says what they mean', async () => {
    await world.up('2');
    const says = { running: ['ACTIVE'], stopped: ['REBOOTING_BROKER', 'HEALING'] };
    for (const [word, running] of [
      ['ACTIVE', true],
      ['HEALING', false],
    ] as const)
      expect(await brokers({ state: { ...sh(`echo ${word}`), says } }).running(2)).toBe(running);
  });
});

it('tells how long a start may take, by its own bounds', () => {
  const { pace } = brokers({ backWithin: '10m', kill: { ...SCRIPTED.kill, timeout: '40s' } });
  expect(pace?.startMs).toBe(2 * 600_000 + 200 + 2 * 40_000 + 20_000);
});

describe('before anything is touched it is refused', () => {
  it('where a program of the act or of its undo is not there', async () => {
    await world.up('2');
    const undo = { kill: { ...SCRIPTED.kill, undo: { argv: ['./gone.sh'] } } };
    const held = await brokers(undo).describe(2);
    expect(held).toEqual({
      ok: false,
      text: 'the program ./gone.sh is not there, or may not be run',
      query: 'actuator.brokers.state of uplift.yaml',
    });
    expect(await world.calls('2')).toEqual([]);
  });

  it('where the act is not declared, or no command of the kind is', async () => {
    await world.up('2');
    const { kill: _, hang: __, ...looked } = SCRIPTED;
    expect(await brokers({ kill: undefined, hang: undefined }).describe(2, 'hang')).toMatchObject({
      ok: false,
      text: expect.stringContaining('actuator.brokers of uplift.yaml declares no hang'),
    });
    const none = world.actuators(execConfig(undefined, { redis: looked }));
    expect(await none.brokers.describe(2)).toMatchObject({
      ok: false,
      text: expect.stringContaining('uplift.yaml has no actuator.brokers in region here'),
    });
  });

  it('where a variable that is passed on is not set', async () => {
    await world.up('2');
    expect(await brokers({ env: ['CLOUD_TOKEN'] }).describe(2)).toMatchObject({
      ok: false,
      text: 'the environment variable CLOUD_TOKEN, which uplift.yaml passes on, is not set',
    });
  });

  it('says how it comes back where it can be done', async () => {
    await world.up('2');
    const text = 'broker 2 is running (undo: ./servers.sh)';
    expect(await brokers().describe(2)).toMatchObject({ ok: true, text });
    expect(await brokers(kill('true')).describe(2)).toMatchObject({
      text: 'broker 2 is running (comes back by itself)',
    });
  });
});

describe('secrets', () => {
  const region = {
    env: { PATH: process.env.PATH, TOKEN: 'abc-secret\nsecond-line', SHORT: 'eu', HIDDEN: 'not passed' },
  };

  it('are shown by the name of their variable, and on disk not at all', async () => {
    await world.up('2');
    const leaky = 'echo "bad token $TOKEN, $SHORT, [$HIDDEN]" >&2; exit 2';
    const actuator = brokers({ ...kill(leaky), env: ['TOKEN', 'SHORT'] }, region);
    const failed = actuator.kill(2);
    await expect(failed).rejects.toThrow('exit 2: bad token $TOKEN, eu, []');
    const lines = 'echo "$TOKEN" | tail -n 1 >&2; exit 2';
    await expect(brokers({ ...kill(lines), env: ['TOKEN'] }, region).kill(2)).rejects.toThrow(
      'exit 2: $TOKEN',
    );
    for (const name of await readdir(world.askedFolder))
      expect(await readFile(join(world.askedFolder, name), 'utf8')).not.toMatch(/secret|second/);
  });

  it('are not shown by half where the beginning of the output is cut off', async () => {
    await world.up('2');
    // What is kept begins somewhere in the middle of one of them, and is short once the others are named.
    const flood = 'for i in 1 2 3 4 5 6 7; do printf %s "$TOKEN"; done >&2; exit 2';
    const env = { ...region.env, TOKEN: `abc-${'secret'.repeat(800)}` };
    const actuator = brokers({ ...kill(flood), env: ['TOKEN'] }, { env });
    const text = await actuator.kill(2).then(String, String);
    expect(text).toMatch(/exit 2: \$TOKEN$/);
  });

  it('what a terminal would act on is not shown', async () => {
    await world.up('2');
    const colours = String.raw`printf '\033[2Jgone\nsecond\007' >&2; exit 2`;
    await expect(brokers(kill(colours)).kill(2)).rejects.toThrow('exit 2: [2Jgone second');
  });
});

describe('what is filled in', () => {
  it('is always one argument, whatever it is', async () => {
    await world.up('2');
    const out = join(world.dir, 'seen');
    const argv = [
      '/bin/sh',
      '-c',
      `printf '<%s>' "$@" > ${out}`,
      'sh',
      '{host}',
      '{port}',
      '{id}',
      '{name}',
      '{ids}',
    ];
    const redis = { ...SCRIPTED, state: sh('echo running'), kill: { argv, undo: 'byItself' } };
    const names = { '127.0.0.1:7001': 'shard/0001' };
    await world.actuators(execConfig(undefined, { redis: { ...redis, names } })).redis.kill('127.0.0.1:7001');
    expect(await readFile(out, 'utf8')).toBe('<127.0.0.1><7001><127.0.0.1:7001><shard/0001><{ids}>');
  });

  it('comes from uplift.yaml: a name that a journal brings and it does not know runs nothing', async () => {
    const ran = join(world.dir, 'ran');
    const target = { ...SCRIPTED, state: sh(`echo x >> ${ran}; echo stopped`) };
    const {
      brokers: broker,
      redis,
      service,
    } = world.actuators(execConfig(undefined, { brokers: target, redis: target, service: target }));
    for (const act of ['kill', 'start', 'running', 'describe'] as const) {
      const refused = [
        () => redis[act]('--endpoint-url=http://elsewhere:1'),
        () => redis[act]('10.0.0.9:7001'),
        () => service[act]('; reboot'),
        () => broker[act](-1),
        () => broker[act]('2; reboot' as never),
      ];
      for (const attempt of refused) {
        const answer = await attempt().catch((error: unknown) => ({ ok: false, text: String(error) }));
        expect(answer).toMatchObject({
          ok: false,
          text: expect.stringContaining('no command is run for it'),
        });
      }
    }
    await expect(readFile(ran)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('an undo', () => {
  it('of what comes back by itself waits until it has, and says when it did not', async () => {
    await world.up('2');
    const reboot = kill('./servers.sh kill 2; (sleep 0.4; ./servers.sh start 2) >/dev/null 2>&1 &', {});
    const actuator = brokers({ ...reboot, backWithin: '10s' });
    const before = await world.pid('2');
    await actuator.kill(2);
    await actuator.start(2);
    expect(await world.pid('2')).not.toBe(before);
    const never = brokers({ ...kill('./servers.sh kill 2'), backWithin: '300ms' });
    await never.kill(2);
    await expect(never.start(2)).rejects.toMatchObject({
      code: 'UPL-DEADLINE',
      message: expect.stringContaining('broker 2 runs again'),
    });
  });

  it('waits for an effect that was asked for and shows late', async () => {
    await world.up('2');
    // The platform takes the order and carries it out half a second later.
    const later = '(sleep 0.5; ./servers.sh kill 2) >/dev/null 2>&1 &';
    const slow = { kill: { ...sh(later), undo: SCRIPTED.kill.undo }, seenWithin: '3s' };
    const before = await world.pid('2');
    await brokers(slow).kill(2);
    expect(await brokers(slow).running(2)).toBe(true);
    await brokers(slow).start(2);
    const after = await world.pid('2');
    expect(after).not.toBe(before);
    expect(await brokers(slow).running(2)).toBe(true);
    // By now nothing can come any more.
    const from = performance.now();
    await waitFor(async () => performance.now() - from > 2600, { what: 'the time over', timeoutMs: 5000 });
    const again = performance.now();
    await brokers(slow).start(2);
    expect(performance.now() - again).toBeLessThan(2000);
  });

  it('ends first the command that a process left which died', async () => {
    await world.up('2');
    const slow = { kill: { ...sh('echo $$ > left; exec sleep 60'), undo: SCRIPTED.kill.undo } };
    const stop = new AbortController();
    const running = brokers(slow).kill(2, stop.signal);
    running.catch(() => undefined);
    const { pid } = await askedOf(world, 'here-brokers-2');
    expect(await alive(Number(pid))).toBe(true);
    // Another process, which only sees what is on disk.
    await brokers(slow).start(2);
    expect(await alive(Number(pid))).toBe(false);
    await expect(running).rejects.toThrow('ended by a signal');
    expect(await world.calls('2')).toEqual([]);
  });

  it('waits for the undo that a process left which died, and runs no second one beside it', async () => {
    await world.up('2');
    const slow = sh('[ -e ended ] && exit 7; sleep 0.6; ./servers.sh start 2; : > ended');
    const change = { kill: { ...SCRIPTED.kill, undo: slow } };
    await brokers(change).kill(2);
    const left = brokers(change).start(2);
    const isUndo = async (): Promise<boolean> => (await askedOf(world, 'here-brokers-2')).role === 'undo';
    await waitFor(isUndo, { what: 'the undo begun', timeoutMs: 5000, intervalMs: 10 });
    // Whoever would strike meanwhile is refused, and does not end it.
    await expect(brokers(change).kill(2)).rejects.toThrow('its undo goes on');
    await brokers(change).start(2);
    expect(await world.calls('2')).toEqual(['kill', 'start']);
    await left;
  });

  it('of another host is undone by what it began, and its pid means nothing here', async () => {
    const pid = await world.up('2');
    const { startTime = '' } = (await procEntry(pid)) ?? {};
    const left = { v: 1, role: 'do', act: 'hang', pid, startTime, startedAtMs: 0, endedAtMs: null };
    await mkdir(world.askedFolder, { recursive: true });
    const elsewhere = { ...left, host: 'db-1', machine: 'a' };
    await writeFile(join(world.askedFolder, 'here-brokers-2.json'), JSON.stringify(elsewhere));
    // No state shows this hang; whoever knows only what is seen would leave it.
    await brokers({ state: sh('echo running') }).start(2);
    expect(await world.calls('2')).toEqual(['wake']);
    expect(await alive(pid)).toBe(true);
  });

  it('is not ended by Ctrl-C, which ends the act itself', async () => {
    await world.up('2');
    const stop = new AbortController();
    const act = brokers(kill('sleep 60')).kill(2, stop.signal);
    const { pid } = await askedOf(world, 'here-brokers-2');
    stop.abort(new Error('Ctrl-C'));
    await expect(act).rejects.toThrow('Ctrl-C');
    expect(await alive(Number(pid))).toBe(false);
    expect(brokers().start).toHaveLength(1);
  });

  it('that fails because it was done already is none that failed', async () => {
    await world.up('2');
    const racing = { ...sh('./servers.sh start 2; ./servers.sh start 2'), timeout: '5s' };
    const actuator = brokers({ kill: { ...SCRIPTED.kill, undo: racing } });
    await actuator.kill(2);
    await actuator.start(2);
    expect(await world.calls('2')).toEqual(['kill', 'start', 'start']);
    expect(await actuator.running(2)).toBe(true);
  });

  it('that fails for good says why', async () => {
    await world.up('2');
    const actuator = brokers({ kill: { ...SCRIPTED.kill, undo: sh('echo "no capacity" >&2; exit 1') } });
    await actuator.kill(2);
    await expect(actuator.start(2)).rejects.toThrow(
      'the undo of broker 2: /bin/sh ended with exit 1: no capacity',
    );
  });

  it('runs also where nothing can be written', async () => {
    await world.up('2');
    await brokers().kill(2);
    await rm(world.askedFolder, { recursive: true });
    await writeFile(world.askedFolder, 'no folder');
    await brokers().start(2);
    expect(await brokers().running(2)).toBe(true);
    await expect(brokers().kill(2)).rejects.toThrow();
    expect(await world.calls('2')).toEqual(['kill', 'start']);
  });
});
