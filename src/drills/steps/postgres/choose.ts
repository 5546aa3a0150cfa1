import { slotOf } from '../../../clients/postgres/standby.ts';
import type { ServerLook } from '../../actuators/postgres.ts';
import type { SyncRule } from './sync-names.ts';

export interface ChoiceInput {
  /** Every server but the one that is replaced, in the order of preference, as it was seen once nothing was received any more. */
  readonly replicas: readonly { readonly server: string; readonly look: ServerLook }[];
  /** Who may be promoted. */
  readonly candidates: readonly string[];
  /** What the old primary waited for before it acknowledged; null: for nobody. */
  readonly sync: SyncRule | null;
}

export type Choice =
  | {
      readonly ok: true;
      readonly server: string;
      readonly timeline: number;
      readonly lsn: string;
      /** Every acknowledged commit is on it. False where commits were acknowledged without a standby. */
      readonly holdsEveryAcknowledged: boolean;
    }
  | { readonly ok: false; readonly reason: string };

interface Position {
  readonly server: string;
  readonly timeline: number;
  readonly lsn: string;
}

/**
 * Pure: the most advanced replica. With `count` of n synchronous standbys a commit is acknowledged once it is on that
 * many, so n - count + 1 of them must answer before the furthest of them is known to have everything; fewer is no
 * choice. A candidate that another replica is ahead of is none either: the other could not follow it.
 */
export function chooseMostAdvanced({ replicas, candidates, sync }: ChoiceInput): Choice {
  const answers = replicas.flatMap(({ server, look }): Position[] =>
    look.up && look.inRecovery ? [{ server, timeline: look.timeline, lsn: look.lsn }] : [],
  );
  const silent = replicas.filter(({ server }) => !answers.some((answer) => answer.server === server));
  const [first, ...others] = answers;
  if (first === undefined) return { ok: false, reason: `no replica answers (${names(silent)})` };
  if (sync !== null) {
    const any = sync.names.includes('*');
    const counts = (server: string): boolean => any || sync.names.includes(slotOf(server));
    const all = any ? replicas.length : sync.names.length;
    const needed = all - sync.count + 1;
    const have = answers.filter(({ server }) => counts(server)).length;
    if (have < needed) {
      const reason = `${have} of ${all} synchronous standbys answer and ${needed} are needed: an acknowledged commit may be on ${names(silent)} alone`;
      return { ok: false, reason };
    }
  }
  const furthest = others.reduce((best, next) => (comparePositions(next, best) > 0 ? next : best), first);
  const equal = answers.filter((answer) => comparePositions(answer, furthest) === 0);
  const server = candidates.find((name) => equal.some((answer) => answer.server === name));
  if (server === undefined) {
    const reason = `${furthest.server} is ahead, at ${furthest.lsn} on timeline ${furthest.timeline}, of ${candidates.join(', ')}`;
    return { ok: false, reason };
  }
  const { timeline, lsn } = furthest;
  return { ok: true, server, timeline, lsn, holdsEveryAcknowledged: sync !== null };
}

/** Above 0 where a is ahead: a newer timeline counts before the position. */
export function comparePositions(
  a: Pick<Position, 'timeline' | 'lsn'>,
  b: Pick<Position, 'timeline' | 'lsn'>,
): number {
  if (a.timeline !== b.timeline) return a.timeline - b.timeline;
  const [left, right] = [lsnOf(a.lsn), lsnOf(b.lsn)];
  return left === right ? 0 : left > right ? 1 : -1;
}

/** `16/B374D848` as a number of bytes. */
export function lsnOf(text: string): bigint {
  const [, high, low] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text) ?? [];
  if (high === undefined || low === undefined) throw new Error(`not a log position: ${text}`);
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

function names(silent: ChoiceInput['replicas']): string {
  return silent
    .map(({ server, look }) => `${server}: ${look.up ? 'it is no replica' : look.reason}`)
    .join(', ');
}
