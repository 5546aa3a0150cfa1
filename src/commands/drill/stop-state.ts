import { readStop, type StopState } from '../../drills/limits/stop.ts';
import type { RunFolders } from '../shared/project.ts';

/** The stop switch of a project. The first drill makes the state folder; one that uplift.yaml names has to be there. */
export function stopState({ journalDir, stateDir }: RunFolders): Promise<StopState> {
  return readStop(journalDir, { mayBeAbsent: journalDir === stateDir });
}
