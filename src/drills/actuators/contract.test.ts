import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { killUnit } from '../../clients/process/signal.ts';
import { startUnit } from '../../clients/process/start.ts';
import { STAY, tinyUnits } from '../../clients/process/tiny-units-fixture.ts';
import { readProcess } from '../../clients/process/unit-files.ts';
import { type BrokerActuator, processActuator } from './process.ts';
import { type ActuatorWorld, CONTRACT } from './testing/contract.ts';
import { type ExecWorld, execConfig, execWorld, SCRIPTED } from './testing/exec-world.ts';

const tiny = tinyUnits();
let exec: ExecWorld;
beforeEach(async () => {
  exec = await execWorld(await mkdtemp(join(tmpdir(), 'uplift-exec-')));
});
afterEach(async () => {
  await exec.close();
  await rm(exec.dir, { recursive: true, force: true });
});

type MakeWorld = () => Promise<ActuatorWorld<number>>;

/** A broker that is a tiny process with a unit file. */
const processWorld: MakeWorld = async () => {
  const unit = await tiny.unitOf(STAY, { kind: 'kafka', labels: { brokerId: '2' } });
  await killUnit(unit);
  await startUnit(unit);
  const another = (): BrokerActuator => processActuator(`${tiny.dir()}/units`);
  return {
    ...{ actuator: another(), name: 2, absent: 3, another, bystander: exec.bystander },
    pid: async () => (await readProcess(unit))?.pid ?? 0,
    async reuse(pid) {
      // The pid is another's only once its first owner has gone.
      await killUnit(unit);
      await writeFile(unit.stateFile, JSON.stringify({ pid, startTime: 'another', startedAtMs: 0 }));
    },
  };
};

/** A broker that only commands can reach. */
const execWorldOf =
  (change: object = {}): MakeWorld =>
  async () => {
    await exec.up('2');
    const another = (): BrokerActuator => exec.actuators(execConfig({ ...SCRIPTED, ...change })).brokers;
    return {
      ...{ actuator: another(), name: 2, absent: 3, another, bystander: exec.bystander },
      pid: () => exec.pid('2'),
      async reuse(pid) {
        const asked = {
          v: 1,
          role: 'do',
          act: 'kill',
          pid,
          startTime: 'another',
          startedAtMs: 0,
          endedAtMs: null,
        };
        await another().kill(2);
        const file = join(exec.askedFolder, 'here-brokers-2.json');
        expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ v: 1, role: 'do' });
        await writeFile(file, JSON.stringify(asked));
      },
    };
  };

describe.each([
  ['process', processWorld],
  ['exec', execWorldOf()],
])('the %s actuator keeps the contract', (_, world) => {
  it.each(CONTRACT)('$promise', async ({ check }) => {
    await check(await world());
  });
});

/** The first promise that an actuator breaks. */
async function firstBroken(world: MakeWorld): Promise<string | undefined> {
  for (const { promise, check } of CONTRACT) {
    const failed = await check({ ...(await world()), patienceMs: 250 }).then(
      () => false,
      () => true,
    );
    if (failed) return promise;
  }
  return undefined;
}

const altered =
  (change: Partial<BrokerActuator>): MakeWorld =>
  async () => {
    const world = await processWorld();
    const alter = (actuator: BrokerActuator): BrokerActuator => ({ ...actuator, ...change });
    return { ...world, actuator: alter(world.actuator), another: () => alter(world.another()) };
  };

/** They are not broken in everything: of others they say that they are not there. */
function onlyTwo(broker: number): void {
  if (broker !== 2) throw new Error(`no broker ${broker}`);
}

const undo = (argv: readonly string[]) => ({ ...SCRIPTED.kill, undo: { argv: [...argv] } });

// Each is one that a person could write; the contract must tell what is wrong with it.
describe('the contract finds', () => {
  it.each([
    [
      'a kill that does nothing and says that it did',
      altered({ kill: async (broker) => onlyTwo(broker) }),
      'a kill is seen',
    ],
    [
      'a state that always says running',
      altered({ running: async (broker) => onlyTwo(broker) === undefined }),
      'a kill is seen',
    ],
    [
      'commands whose kill is true',
      execWorldOf({ kill: { ...SCRIPTED.kill, argv: ['true'] } }),
      'a kill is seen',
    ],
    [
      'commands whose state only echoes running',
      execWorldOf({ state: { argv: ['/bin/sh', '-c', '[ $0 = 2 ] && echo running', '{id}'] } }),
      'a kill is seen',
    ],
    [
      'commands whose undo is true',
      execWorldOf({ kill: undo(['true']), backWithin: '300ms' }),
      'what was killed',
    ],
  ] as const)(
    '%s',
    async (_, world, beginning) => {
      expect(await firstBroken(world)).toMatch(new RegExp(`^${beginning}`));
    },
    60_000,
  );
});
