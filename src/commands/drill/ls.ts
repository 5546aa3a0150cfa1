import type { Block } from '../../core/blocks.ts';
import { reasonOf } from '../../core/error.ts';
import type { Action, Deps } from '../../deps.ts';
import { type StopState, whyStopped } from '../../drills/limits/stop.ts';
import { DRILL_NAMES } from '../../drills/names.ts';
import { foldersOfRuns } from '../shared/project.ts';
import { stopState } from './stop-state.ts';

/** `uplift drill ls`: every drill there is, and whether somebody stopped them; no server is asked. */
export const lsCommand: Action<Record<string, never>> = async (deps) => {
  const stop = await stopHere(deps);
  return {
    exit: 0,
    kind: 'drill.ls',
    data: { drills: DRILL_NAMES, stop },
    blocks: [
      {
        kind: 'table',
        columns: [{ title: 'DRILL' }, { title: 'STORE' }, { title: 'WHAT IT DOES' }],
        rows: DRILL_NAMES.map(({ id, store, title }) => [id, store, title]),
      },
      ...stopBlocks(stop),
    ],
  };
};

/** The list is there without a valid uplift.yaml, too. */
async function stopHere(deps: Deps): Promise<StopState> {
  try {
    return await stopState(await foldersOfRuns(deps));
  } catch (error) {
    return { kind: 'unknown', why: reasonOf(error) };
  }
}

function stopBlocks(stop: StopState): Block[] {
  const why = whyStopped(stop);
  if (why === undefined) return [{ kind: 'next', command: `uplift drill plan ${DRILL_NAMES[0].id}` }];
  const text = `NONE BEGINS: ${why}.`;
  return [
    { kind: 'verdict', text, mark: 'bad' },
    ...(stop.kind === 'stopped' ? [{ kind: 'next', command: 'uplift drill allow' } as const] : []),
  ];
}
