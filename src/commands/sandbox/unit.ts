import { waitReady } from '../../clients/process/ready.ts';
import { killUnit, pauseUnit, resumeUnit } from '../../clients/process/signal.ts';
import { startUnit } from '../../clients/process/start.ts';
import { statusOf } from '../../clients/process/status.ts';
import type { PlacedUnit } from '../../clients/process/unit-files.ts';
import { formatMs } from '../../core/units.ts';
import type { Action, Deps } from '../../deps.ts';
import { sandboxUnit } from '../../sandbox/status.ts';
import type { UnitInput, UnitVerb } from './index.ts';
import { stateDirOf } from './input.ts';

type Act = (unit: PlacedUnit, deps: Deps) => Promise<string>;

const ACTS: Readonly<Record<UnitVerb, Act>> = {
  kill: async (unit) => {
    const killed = await killUnit(unit);
    return killed === undefined ? `${unit.id} was not running.` : `${unit.id} (pid ${killed.pid}) killed.`;
  },
  pause: async (unit) => `${unit.id} (pid ${(await pauseUnit(unit)).pid}) paused.`,
  resume: async (unit) => `${unit.id} (pid ${(await resumeUnit(unit)).pid}) runs again.`,
  start: async (unit, deps) => {
    const before = performance.now();
    const was = await statusOf(unit);
    deps.progress({ phase: unit.id, state: 'running', text: 'starting' });
    const { pid } = await startUnit(unit);
    if (was.state === 'paused') await resumeUnit(unit);
    await waitReady(unit, { signal: deps.signal });
    deps.progress({
      phase: unit.id,
      state: 'done',
      text: `answers  ${formatMs(performance.now() - before)}`,
    });
    return was.state === 'running'
      ? `${unit.id} (pid ${pid}) was already running.`
      : `${unit.id} (pid ${pid}) is up.`;
  },
};

/** `uplift sandbox kill | pause | resume | start UNIT`; never signals a process that is not the unit's own. */
export function unitCommand(verb: UnitVerb): Action<UnitInput> {
  return async (deps, { name, unit: id }) => {
    const unit = await sandboxUnit(stateDirOf(deps), name, id);
    const text = await ACTS[verb](unit, deps);
    const status = await statusOf(unit);
    return {
      exit: 0,
      kind: `sandbox.${verb}`,
      data: { unit: id, ...status },
      blocks: [{ kind: 'verdict', mark: 'ok', text }],
    };
  };
}
