import { stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { exitOfVerdict, verdictOf } from '../../core/finding.ts';
import type { Action, Deps } from '../../deps.ts';
import { examineRecord } from '../../drills/record/exam.ts';
import { presentExam } from '../../drills/record/present.ts';
import { lookAtHistory, lookAtProbe } from '../../drills/record/read.ts';
import { checkDrill } from '../../drills/record/signed.ts';
import { findRun, isRunId, type RunFolder, runFolderAt } from '../../drills/run-folder.ts';
import { readRecord } from '../../record/open.ts';
import { foldersOfRuns } from '../shared/project.ts';
import type { VerifyInput } from './index.ts';
import { trustedKeys } from './keys.ts';

/** `uplift drill verify RUN`: chain, seal, signature, history, store probe. 10 altered, 12 not wholly told, 0 only when all of it holds. */
export const verifyCommand: Action<VerifyInput> = async (deps, input) => {
  const { folder, runId: asked } = await lookUp(deps, input.run);
  const view = await readRecord(folder.journal, asked);
  const runId = asked ?? view.entries[0]?.runId ?? view.sealed?.entry.runId ?? null;
  const trusted = await trustedKeys(deps, input.key);
  const signature = checkDrill(view, trusted);
  const history = await lookAtHistory(folder, view.entries);
  const probe = await lookAtProbe(folder, view.entries);
  const named = input.key === undefined ? undefined : trusted[0];
  const examined = { view, signature, history, probe, run: input.run, runId, named };
  const findings = examineRecord(examined);
  const verdict = verdictOf(findings);
  return {
    exit: exitOfVerdict(verdict),
    kind: 'drill.verify',
    data: {
      runId,
      path: folder.journal,
      verdict,
      findings,
      head: view.head,
      statement: 'statement' in signature ? signature.statement : null,
      signedBy: signature.state === 'signed' ? signature.by.keyId : null,
    },
    blocks: presentExam(examined, findings),
  };
};

interface Asked {
  readonly folder: RunFolder;
  /** The run that the record must be of; absent: a file that was handed over is of the run that it names itself. */
  readonly runId?: string;
}

/** A run of this project, or a folder or journal that somebody handed over. */
async function lookUp(deps: Deps, run: string): Promise<Asked> {
  if (!/[/\\]|\.ndjson$/.test(run)) {
    const folder = await findRun((await foldersOfRuns(deps)).journalDir, run);
    return { folder, runId: folder.runId };
  }
  const path = resolve(deps.cwd, run);
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const dir = isFolder ? path : dirname(path);
  const folder = runFolderAt(dir, basename(dir));
  if (!isFolder) return { folder: { ...folder, journal: path } };
  return isRunId(folder.runId) ? { folder, runId: folder.runId } : { folder };
}
