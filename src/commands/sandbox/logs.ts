import { stripVTControlCharacters } from 'node:util';
import { tailLog } from '../../clients/process/ready.ts';
import type { Action } from '../../deps.ts';
import { sandboxUnit } from '../../sandbox/status.ts';
import type { LogsInput } from './index.ts';
import { stateDirOf, wholeNumber } from './input.ts';

/** `uplift sandbox logs UNIT`: lines as the program wrote them, without terminal escapes and without wrapping. */
export const logsCommand: Action<LogsInput> = async (deps, { name, unit: id, lines }) => {
  const unit = await sandboxUnit(stateDirOf(deps), name, id);
  const shown = await tailLog(unit, wholeNumber('--lines', lines)).catch(ifAbsent);
  return {
    exit: 0,
    kind: 'sandbox.logs',
    data: { unit: id, file: unit.logFile, lines: shown },
    blocks: [],
    verbatim: shown.map((line) => `${stripVTControlCharacters(line)}\n`).join(''),
  };
};

/** A unit that never started has no log yet. */
function ifAbsent(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}
