import type { Action } from '../../deps.ts';
import { sandboxStatus } from '../../sandbox/status.ts';
import type { NameInput } from './index.ts';
import { stateDirOf } from './input.ts';

/** `uplift sandbox env`: for `eval`, so the lines go out as they are, never wrapped. */
export const envCommand: Action<NameInput> = async (deps, { name }) => {
  const stateDir = stateDirOf(deps);
  const { configFile } = await sandboxStatus(stateDir, name, deps.clock.nowMs());
  const variables = { UPLIFT_CONFIG: configFile, UPLIFT_STATE_DIR: stateDir };
  const verbatim = Object.entries(variables)
    .map(([key, value]) => `export ${key}=${shellQuoted(value)}\n`)
    .join('');
  return { exit: 0, kind: 'sandbox.env', data: variables, blocks: [], verbatim };
};

/** Single quotes keep everything but themselves (POSIX shell, 2.2.2). */
function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
