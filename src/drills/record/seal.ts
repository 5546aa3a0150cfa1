import type { Json } from '../../core/step.ts';
import { digestOfFile, type FileDigest } from '../../record/digest.ts';
import type { Entry, SealBody } from '../../record/envelope.ts';
import type { Journal } from '../../record/journal.ts';
import type { SigningKey } from '../../record/keys.ts';
import { readRecord } from '../../record/open.ts';
import { pendingUndo } from '../../steps/journal-kinds.ts';
import { notRestored } from '../engine/restore.ts';
import { HISTORY_FILE, PROBE_FILE, type RunFolder } from '../run-folder.ts';
import { ENDED_KIND, EVIDENCE_KIND } from './context.ts';
import { outcomeOf } from './outcome.ts';

/** What the signature of a drill's record states; its fields are in docs/drills.md. */
export const RECORD_TYPE = 'urn:uplift:drill-record:v1';

export interface DrillEnd {
  readonly journal: Pick<Journal, 'append' | 'seal'>;
  readonly folder: RunFolder;
  /** Body of the last line before the seal. */
  readonly ended: { readonly [field: string]: Json };
  /** Steps that are not undone are left so: the record says who has given them up. */
  readonly givenUp?: boolean;
  /** Who signs; where nobody can, why. */
  readonly key: SigningKey | { readonly unsigned: string };
}

/**
 * Ends a drill's record: digests of its history and of what its store probe wrote, how it ended, seal, signature. Throws UPL-CANNOT-WRITE, and
 * UPL-NOT-RESTORED while the record holds something to undo that nobody gave up: sealed, `recover` would never undo it.
 */
export async function endDrill({
  journal,
  folder,
  ended,
  key,
  givenUp = false,
}: DrillEnd): Promise<SealBody> {
  const left = pendingUndo((await readRecord(folder.journal)).entries).map(({ describe }) => describe);
  if (left.length > 0 && !givenUp) throw notRestored(folder.runId, left, undefined);
  const history = await digestOfFile(folder.history);
  const probe = await digestOfFile(folder.probe);
  const unsigned = 'unsigned' in key ? { unsigned: key.unsigned } : {};
  await journal.append(EVIDENCE_KIND, {
    history: history === undefined ? null : { ...history },
    ...(probe === undefined ? {} : { probe: { ...probe } }),
    ...unsigned,
  });
  await journal.append(ENDED_KIND, ended);
  if ('unsigned' in key) return journal.seal();
  // What is on disk is what is signed, also when another process wrote most of it.
  const { entries } = await readRecord(folder.journal);
  return journal.seal({
    key,
    predicateType: RECORD_TYPE,
    predicate: predicateOf(entries),
    files: [
      ...(history === undefined ? [] : [{ name: HISTORY_FILE, sha256: history.sha256 }]),
      ...(probe === undefined ? [] : [{ name: PROBE_FILE, sha256: probe.sha256 }]),
    ],
  });
}

/** Pure: the outcome of a run as its signature states it. */
export function predicateOf(entries: readonly Entry[]): { readonly [field: string]: Json } {
  const outcome = outcomeOf(entries);
  if (outcome === undefined) return {};
  const { drill, region, environment, target, execution, hypothesis, restored, context, result } = outcome;
  return JSON.parse(
    JSON.stringify({
      drill,
      region,
      environment,
      target,
      execution,
      hypothesis,
      restored,
      who: context?.who ?? null,
      approver: context?.approver ?? null,
      versions: context?.versions ?? [],
      configSha256: context?.configSha256 ?? null,
      acknowledged: result?.judgement.acknowledged ?? null,
      lost: result?.judgement.lost.length ?? null,
      probeLost: result?.probe?.lostCount ?? null,
    }),
  ) as { readonly [field: string]: Json };
}

/** The digest of the history that the lines of a record name; null: there was none. Undefined: it does not say. */
export function historyDigest(entries: readonly Entry[]): FileDigest | null | undefined {
  const history = evidenceOf(entries)?.history;
  return typeof history?.sha256 === 'string' ? history : history === null ? null : undefined;
}

/** SHA-256 of what the store probe wrote, as the lines of a record name it; older ones do so in their result only. */
export function probeSha256(entries: readonly Entry[]): string | undefined {
  return evidenceOf(entries)?.probe?.sha256 ?? outcomeOf(entries)?.result?.probe?.history.sha256;
}

interface Evidence {
  readonly history?: FileDigest | null;
  readonly probe?: FileDigest;
}

function evidenceOf(entries: readonly Entry[]): Evidence | undefined {
  return (entries.findLast(({ kind }) => kind === EVIDENCE_KIND)?.body ?? undefined) as Evidence | undefined;
}
