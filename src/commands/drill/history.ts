import { EXIT } from '../../core/exit.ts';
import type { Action } from '../../deps.ts';
import { readRows } from '../../drills/record/read.ts';
import { presentRows } from '../../drills/record/row.ts';
import { foldersOfRuns } from '../shared/project.ts';
import type { HistoryInput } from './index.ts';
import { trustedKeys } from './keys.ts';

/** `uplift drill history`: every drill that ran here, newest first, each with what its record is worth. */
export const historyCommand: Action<HistoryInput> = async (deps, { limit }) => {
  const { journalDir } = await foldersOfRuns(deps);
  const { rows, more } = await readRows(journalDir, await trustedKeys(deps), { limit });
  return {
    exit: EXIT.ok,
    kind: 'drill.history',
    data: { drills: rows, more },
    blocks: presentRows(rows, more),
  };
};
