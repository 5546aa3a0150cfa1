import type { Block, Mark } from '../../core/blocks.ts';
import { formatCount, formatMs } from '../../core/units.ts';
import { GENESIS } from '../../record/envelope.ts';
import type { SignatureCheck } from '../../record/signature.ts';
import type { RecordView } from '../../record/verify.ts';
import { type RecordState, recordState } from './exam.ts';
import { type DrillOutcome, outcomeOf } from './outcome.ts';
import { byWorth, notCounted, verdictsOf } from './worth.ts';

/** One drill in a list. A record that proves nothing keeps its name and its place, and says nothing else. */
export interface RecordRow {
  readonly runId: string;
  /** When it began, ms since the epoch. */
  readonly atMs: number;
  readonly drill: string | null;
  readonly region: string | null;
  readonly state: RecordState;
  /** Id of the known key that signed it. */
  readonly signedBy: string | null;
  /** What is wrong with the record, or with a file beside it; null: nothing that was looked at. */
  readonly problem: string | null;
  /** What it says; a proof only where it is `signed` (`byWorth`). Null where it proves nothing. */
  readonly outcome: DrillOutcome | null;
}

/** Pure: the row of one record, or undefined for a whole record of something else. `read`: or why it cannot be read. */
export function rowOf(
  runId: string,
  read: RecordView | string,
  signature: SignatureCheck = { state: 'unsigned' },
): RecordRow | undefined {
  if (typeof read === 'string') return unread(runId, read);
  const outcome = outcomeOf(read.entries);
  const state = recordState(read, signature);
  // Of what is broken, or holds no line, nobody can tell what it was: it is shown.
  if (outcome === undefined && state !== 'broken' && read.head !== GENESIS) return undefined;
  const [problem] = read.problems;
  const told = problem === undefined ? null : `line ${problem.line}: ${problem.message}`;
  const proves = state !== 'broken' && state !== 'incomplete';
  return {
    runId,
    atMs: Date.parse(read.entries[0]?.wall ?? '') || timeOfId(runId),
    drill: outcome?.drill ?? null,
    region: outcome?.region ?? null,
    state,
    signedBy: signature.state === 'signed' ? signature.by.keyId : null,
    problem: signature.state === 'broken' ? signature.why : told,
    outcome: proves ? (outcome ?? null) : null,
  };
}

function unread(runId: string, problem: string): RecordRow {
  const row = { runId, atMs: timeOfId(runId), drill: null, region: null, outcome: null };
  return { ...row, state: 'broken', signedBy: null, problem };
}

/** A UUIDv7 begins with its time (RFC 9562, 48 bits of ms). */
function timeOfId(runId: string): number {
  return Number.parseInt(runId.replaceAll('-', '').slice(0, 12), 16) || 0;
}

/** States as they are read in a table; what proves nothing in capitals. */
export const STATE_WORDS: Readonly<Record<RecordState, string>> = {
  signed: 'signed',
  unknownKey: 'key not known, signature not checked',
  unsigned: 'sealed, not signed',
  incomplete: 'INCOMPLETE',
  broken: 'BROKEN',
};

/** What a record is worth, and what is wrong with it. */
export const stateText = ({ state, problem }: RecordRow): string =>
  problem === null ? STATE_WORDS[state] : `${STATE_WORDS[state]}: ${problem}`;

/** The same with the key that signed it; why one proves nothing is said elsewhere. */
export function vouchedText(row: RecordRow): string {
  if (row.outcome === null) return STATE_WORDS[row.state];
  const by = row.signedBy === null ? '' : ` by key ${row.signedBy.slice(0, 16)}`;
  return row.problem === null
    ? `${STATE_WORDS[row.state]}${by}`
    : `${STATE_WORDS[row.state]}${by}: ${row.problem}`;
}

/** Enough of a run id to name one; the time stands in it. */
export const shortId = (runId: string): string => runId.slice(0, 13);

const NOTHING = '–';

/** Cells of a row: execution, hypothesis, restored, recovery, lost. */
export function cellsOf({ outcome }: RecordRow): [string, string, string, string, string] {
  if (outcome === null) return [NOTHING, NOTHING, NOTHING, NOTHING, NOTHING];
  const { execution, hypothesis, restored, result } = outcome;
  return [
    execution ?? NOTHING,
    hypothesis === 'deviated' ? 'DEVIATED' : (hypothesis ?? 'not readable'),
    { restored: 'restored', notRestored: 'NOT RESTORED', nothingTouched: 'nothing touched' }[restored],
    recoveryText(outcome),
    result === null
      ? NOTHING
      : lostText({
          lost: result.judgement.lost.length,
          acknowledged: result.judgement.acknowledged,
          probeLost: result.probe?.lostCount ?? null,
        }),
  ];
}

/** `0 of 8,412`, and what the store lost of its probe's writes where there was a probe. */
export function lostText(counts: {
  readonly lost: number;
  readonly acknowledged: number;
  readonly probeLost: number | null;
}): string {
  const { lost, acknowledged, probeLost } = counts;
  const store = probeLost === null ? '' : `; store ${formatCount(probeLost)}`;
  return `${formatCount(lost)} of ${formatCount(acknowledged)}${store}`;
}

export function recoveryText({ result }: DrillOutcome): string {
  if (result === null) return NOTHING;
  const ms = result.recovery.backInsideSloMs;
  return ms === null ? 'not seen' : formatMs(ms);
}

/** UTC, to the minute: records are compared across machines. */
export const whenText = (atMs: number): string => new Date(atMs).toISOString().slice(0, 16).replace('T', ' ');

/** `drill history` for people. */
export function presentRows(rows: readonly RecordRow[], more: boolean): Block[] {
  const [newest] = rows;
  if (newest === undefined)
    return [
      { kind: 'text', text: 'There is no record of a drill here.' },
      { kind: 'next', command: 'uplift drill ls' },
    ];
  const cells = rows.map((row) => [
    whenText(row.atMs),
    row.drill ?? '?',
    row.region ?? '?',
    ...cellsOf(row),
    stateText(row),
    shortId(row.runId),
  ]);
  const titles = ['WHEN (UTC)', 'DRILL', 'REGION', 'EXECUTION', 'HYPOTHESIS', 'RESTORED'];
  return [
    {
      kind: 'table',
      columns: [
        ...titles.map((title) => ({ title })),
        { title: 'RECOVERY', align: 'right' },
        { title: 'LOST', align: 'right' },
        { title: 'RECORD' },
        { title: 'RUN' },
      ],
      rows: cells,
    },
    { kind: 'verdict', text: summaryOf(rows, more), mark: markOf(rows) },
    { kind: 'next', command: `uplift drill verify ${shortId(newest.runId)}` },
  ];
}

function summaryOf(rows: readonly RecordRow[], more: boolean): string {
  const worth = byWorth(rows);
  const { held } = verdictsOf(worth.proven);
  const older = more ? 'the newest of more' : 'all there are';
  const drills = rows.length === 1 ? 'drill' : 'drills';
  return `${formatCount(rows.length)} ${drills} (${older}): ${held} held.${notCounted(worth)}`;
}

function markOf(rows: readonly RecordRow[]): Mark {
  if (rows.some(({ state }) => state === 'broken')) return 'bad';
  return rows.every(({ state }) => state === 'signed') ? 'ok' : 'warn';
}
