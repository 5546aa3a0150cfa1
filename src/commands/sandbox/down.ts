import type { Block } from '../../core/blocks.ts';
import type { Action } from '../../deps.ts';
import { type DownResult, sandboxDown } from '../../sandbox/down.ts';
import { listSandboxes } from '../../sandbox/manifest.ts';
import type { DownInput } from './index.ts';
import { nameFlag, stateDirOf } from './input.ts';

/** `uplift sandbox down`: exit 0 also when there was nothing to do; then it names the sandboxes that there are. */
export const downCommand: Action<DownInput> = async (deps, input) => {
  const { name, keepData } = input;
  const stateDir = stateDirOf(deps);
  const down = await sandboxDown({ stateDir, name, keepData, progress: deps.progress });
  const others = down.found ? [] : await listSandboxes(stateDir);
  const there = others.length === 0 ? '' : ` There is: ${others.join(', ')}.`;
  const text = `${sentence(name, keepData, down)}${there}`;
  const blocks: Block[] = [{ kind: 'verdict', mark: others.length === 0 ? 'ok' : 'warn', text }];
  for (const other of others) blocks.push({ kind: 'next', command: `uplift sandbox down${nameFlag(other)}` });
  if (keepData && down.found) blocks.push({ kind: 'next', command: `uplift sandbox up --name ${name}` });
  return { exit: 0, kind: 'sandbox.down', data: { name, ...down }, blocks };
};

function sentence(name: string, keepData: boolean, down: DownResult): string {
  if (!down.found) return `There is no sandbox ${name}; nothing to stop.`;
  const parts = [`${down.stopped.length} processes stopped`];
  if (down.killed.length > 0) parts.push(`${down.killed.length} killed (${down.killed.join(', ')})`);
  if (down.wasNotRunning.length > 0) parts.push(`${down.wasNotRunning.length} were not running`);
  const rest = keepData
    ? `its data is kept in ${down.kept.join(', ')}`
    : down.kept.length === 0
      ? 'nothing is left'
      : `kept: ${down.kept.join(', ')}`;
  return `Sandbox ${name} is down: ${parts.join(', ')}; ${rest}.`;
}
