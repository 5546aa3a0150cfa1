import type { Action } from '../../deps.ts';
import { sandboxStatus } from '../../sandbox/status.ts';
import type { NameInput } from './index.ts';
import { stateDirOf } from './input.ts';

/** `uplift sandbox env`: for `eval`, so the lines go out as they are, never wrapped. */
export const envCommand: Action<NameInput> = async (deps, { name }) => {
  const stateDir = stateDirOf(deps);
  const { configFile } = await sandboxStatus(stateDir, name, deps.clock.nowMs());
  const variables = { UPLIFT_CONFIG: configFile, UPLIFT_STATE_DIR: stateDir };
  if (deps.globals.output === 'text') {
    for (const [key, value] of Object.entries(variables))
      deps.stdout.write(`export ${key}=${shellQuoted(value)}\n`);
  }
  return { exit: 0, kind: 'sandbox.env', data: variables, blocks: [] };
};

/** Single quotes keep everything but themselves (POSIX shell, 2.2.2). */
function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
