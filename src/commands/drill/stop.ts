import { hostname } from 'node:os';
import type { Block } from '../../core/blocks.ts';
import { EXIT } from '../../core/exit.ts';
import type { Action } from '../../deps.ts';
import { orderStop, type StopOrder } from '../../drills/limits/stop.ts';
import { unfinishedRuns } from '../../drills/run-folder.ts';
import { openProject } from '../shared/project.ts';
import { userName } from '../shared/user-name.ts';
import type { StopInput } from './index.ts';

/** `uplift drill stop`: asks nobody, neither people nor servers. */
export const stopCommand: Action<StopInput> = async (deps, { reason }) => {
  const { journalDir, stateDir } = await openProject(deps);
  const at = new Date(deps.clock.nowMs()).toISOString();
  const order: StopOrder = { by: userName(), host: hostname(), at, reason: reason ?? null };
  await orderStop(journalDir, order, { make: journalDir === stateDir });
  const runs = (await unfinishedRuns(journalDir)).map(({ folder }) => folder.runId);
  return {
    exit: EXIT.ok,
    kind: 'drill.stop',
    data: { journalDir, order, unfinished: runs },
    blocks: present(journalDir, { runs, shared: journalDir !== stateDir }),
  };
};

function present(
  journalDir: string,
  { runs, shared }: { readonly runs: readonly string[]; readonly shared: boolean },
): Block[] {
  const text = `STOPPED: no drill begins for whoever uses ${journalDir}.`;
  const alone = 'That is the state folder: others are reached through drills.journalDir on shared storage.';
  return [
    ...(runs.length === 0
      ? []
      : [
          {
            kind: 'keyValues',
            rows: runs.map((run) => ['not restored yet', run] as const),
          } as const,
          {
            kind: 'text',
            text: 'A drill that runs ends at its next look and puts everything back; one that was killed needs `uplift drill recover`.',
          } as const,
        ]),
    ...(shared ? [] : [{ kind: 'text', text: alone } as const]),
    { kind: 'verdict', text, mark: 'ok' },
    { kind: 'next', command: runs[0] === undefined ? 'uplift drill allow' : `uplift drill show ${runs[0]}` },
  ];
}
