import { waitReady } from '../../clients/process/ready.ts';
import { stopUnit } from '../../clients/process/signal.ts';
import { startUnit } from '../../clients/process/start.ts';
import type { PlacedUnit } from '../../clients/process/unit-files.ts';
import { formatMs } from '../../core/units.ts';
import type { Action, Deps } from '../../deps.ts';
import { sandboxUnit } from '../../sandbox/status.ts';
import { keepUnit, parseEnvChange, withEnv } from '../../sandbox/unit-env.ts';
import type { RestartInput } from './index.ts';
import { stateDirOf } from './input.ts';

/** `uplift sandbox restart UNIT… [--env NAME=VALUE]`: one after the other, each answering before the next is stopped. */
export const restartCommand: Action<RestartInput> = async (deps, { name, units, env }) => {
  const change = parseEnvChange(env);
  // All of them are known and may be changed before the first is touched.
  const chosen = await Promise.all(
    units.map(async (id) => withEnv(await sandboxUnit(stateDirOf(deps), name, id), change)),
  );
  const restarted: { unit: string; pid: number; how: string }[] = [];
  for (const unit of chosen) {
    deps.signal.throwIfAborted();
    restarted.push(await restart(deps, unit, change.size > 0));
  }
  const with_ = env.length === 0 ? '' : ` with ${env.join(' ')}`;
  return {
    exit: 0,
    kind: 'sandbox.restart',
    data: { units: restarted },
    blocks: restarted.map(({ unit, pid }) => ({
      kind: 'verdict',
      mark: 'ok',
      text: `${unit} (pid ${pid}) is up again${with_}.`,
    })),
  };
};

async function restart(
  deps: Deps,
  unit: PlacedUnit,
  changed: boolean,
): Promise<{ unit: string; pid: number; how: string }> {
  const before = performance.now();
  deps.progress({ phase: unit.id, state: 'running', text: 'stopping' });
  const how = await stopUnit(unit);
  if (changed) await keepUnit(unit);
  const { pid } = await startUnit(unit);
  await waitReady(unit, { signal: deps.signal });
  const text = `${how === 'killed' ? 'had to be killed; ' : ''}answers  ${formatMs(performance.now() - before)}`;
  deps.progress({ phase: unit.id, state: 'done', text });
  return { unit: unit.id, pid, how };
}
