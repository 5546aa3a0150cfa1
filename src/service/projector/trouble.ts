import type { PartitionBounds } from '../../clients/kafka/ports.ts';
import { sqlStateOf } from '../../clients/postgres/index.ts';
import { isUpliftError, reasonOf } from '../../core/error.ts';
import { outOfBounds } from '../runtime/stored-position.ts';
import type { StoredPosition } from './store.ts';

/** Only data errors are poison; everything else is Postgres being away or busy (S11). */
export function isPoison(error: unknown): boolean {
  if (!isUpliftError(error, 'UPL-POSTGRES-QUERY')) return false;
  const state = sqlStateOf(error) ?? '';
  return state.startsWith('22') || state.startsWith('23');
}

/** Why a write failed, for logs and status: Postgres quotes the values it refuses, so of a refusal only its SQLSTATE. */
export function failureText(failure: unknown): string {
  if (!isPoison(failure)) return reasonOf(failure);
  return `Postgres refused the rows of an event (SQLSTATE ${sqlStateOf(failure)})`;
}

/** Why a stored position cannot be read from, or undefined (S3). */
export function troubleOf(
  position: StoredPosition | undefined,
  bounds: PartitionBounds | undefined,
  topicId: string,
): string | undefined {
  if (position === undefined || bounds === undefined) return 'its position or its bounds are not known';
  if (position.topicId !== topicId) {
    return `Postgres holds positions of topic id ${position.topicId}, the topic is ${topicId}: it was made again`;
  }
  return outOfBounds(position, bounds, 'event');
}

/** What keeps a projector from being ready, as it stands now. */
export interface Troubles {
  /** Postgres is away. */
  readonly postgres: string | undefined;
  /** Postgres answers and takes no write. */
  readonly unwritten: string | undefined;
  /** Events that have to be put aside cannot be. */
  readonly parking: string | undefined;
  readonly stopped: ReadonlyMap<number, string>;
  readonly stalled: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly reason: string;
  }[];
}

const SHOWN = 5;

/** One text for each trouble, a few partitions of each kind; none when all is well. */
export function troubleTexts({ postgres, unwritten, parking, stopped, stalled }: Troubles): string[] {
  const writes = unwritten === undefined ? [] : [`Postgres takes no write: ${unwritten}`];
  return [
    ...(postgres === undefined ? writes : [`Postgres: ${postgres}`]),
    ...(parking === undefined ? [] : [parking]),
    ...[...stopped].slice(0, SHOWN).map(([partition, reason]) => `${partition} stopped: ${reason}`),
    ...stalled.slice(0, SHOWN).map((at) => `${at.topic}/${at.partition} not readable: ${at.reason}`),
  ];
}
