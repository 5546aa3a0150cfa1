import type { Committed, Sql, SqlResult, SqlTransaction, SqlValue } from '../../clients/postgres/index.ts';
import { UpliftError } from '../../core/error.ts';
import { POISON, turn } from './log-fixture.ts';

/** What becomes of a transaction. */
export const FATES = [
  'committed',
  /** The disk is full. */
  'refused',
  /** Postgres goes away, and for some questions more. */
  'away',
  'unknownAndIn',
  'unknownAndOut',
  'notAcknowledged',
  /** Another projector writes first. */
  'otherFirst',
] as const;
export type Fate = (typeof FATES)[number];

interface Offset {
  readonly nextOffset: bigint;
  readonly decidedThrough: bigint;
  readonly logTimeMs: number;
  readonly leaderEpoch: number;
  readonly commandsTopicId: string | null;
}

export interface Rows {
  readonly offsets: Map<number, Offset>;
  readonly operations: Map<string, Readonly<Record<string, SqlValue>>>;
  readonly reservations: Map<string, Readonly<Record<string, SqlValue>>>;
  readonly letters: Map<string, SqlValue>;
}

const START: Offset = {
  ...{ nextOffset: 0n, decidedThrough: -1n, logTimeMs: 0, leaderEpoch: -1 },
  commandsTopicId: null,
};
const AWAY_QUESTIONS = 2;

/**
 * The projector's tables in memory: its statements, told apart by their text, and transactions that end as they are told
 * to, in turn; then all are committed.
 */
export class TestPostgres implements Sql {
  rows: Rows;
  readonly #topicId: string;
  readonly #fates: Fate[];
  /** Writes what another projector would. */
  otherWriter: () => Promise<void> = async () => undefined;
  #away = 0;

  constructor(topicId: string, partitions: readonly number[], fates: readonly Fate[] = []) {
    this.#topicId = topicId;
    this.#fates = [...fates];
    const offsets = new Map(partitions.map((partition) => [partition, START]));
    this.rows = { offsets, operations: new Map(), reservations: new Map(), letters: new Map() };
  }

  async query<R extends object>(text: string, values: readonly SqlValue[] = []): Promise<SqlResult<R>> {
    await turn();
    if (this.#away > 0) {
      this.#away -= 1;
      throw new UpliftError('UPL-POSTGRES-UNREACHABLE', { message: 'no answer' });
    }
    return run(this.rows, this.#topicId, text, values) as SqlResult<R>;
  }

  async transaction<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<Committed<T>> {
    const fate = this.#fates.shift() ?? 'committed';
    if (fate === 'otherFirst') await this.otherWriter();
    if (fate === 'refused') throw new UpliftError('UPL-POSTGRES-QUERY', { message: 'no space left' });
    if (fate === 'away') {
      this.#away = AWAY_QUESTIONS;
      throw new UpliftError('UPL-POSTGRES-UNREACHABLE', { message: 'no answer' });
    }
    const rows = structuredClone(this.rows);
    const query = async <R extends object>(text: string, values: readonly SqlValue[] = []) => {
      await turn();
      return run(rows, this.#topicId, text, values) as SqlResult<R>;
    };
    const value = await work({ query });
    if (fate !== 'unknownAndOut') this.rows = rows;
    if (fate === 'notAcknowledged') return { state: 'notAcknowledged', reason: 'cancelled' };
    return fate.startsWith('unknown')
      ? { state: 'unknown', reason: 'no answer' }
      : { state: 'committed', value };
  }

  async close(): Promise<void> {}
}

/** Rows of `unnest`: the columns by name, one object a row. */
function unnest(names: string, values: readonly SqlValue[]): Record<string, SqlValue>[] {
  const columns = values.filter((value): value is readonly (string | number | bigint | null)[] =>
    Array.isArray(value),
  );
  return (columns[0] ?? []).map((_, at) =>
    Object.fromEntries(names.split(' ').map((name, column) => [name, columns[column]?.[at] ?? null])),
  );
}

const answer = (rows: readonly object[], rowCount = rows.length): SqlResult<object> => ({ rows, rowCount });
const keyOf = (row: Record<string, SqlValue>): string => `${row.tenant}/${row.reservation_id}`;

function run(rows: Rows, topicId: string, text: string, values: readonly SqlValue[]): SqlResult<object> {
  if (text.includes('INTO uplift_service.offsets')) return answer([]);
  if (text.includes('UPDATE uplift_service.offsets')) return move(rows, values);
  if (text.includes('FROM uplift_service.offsets')) return answer(offsetsOf(rows, topicId, values));
  if (text.includes('INTO uplift_service.operations')) return upsertOperations(rows, values);
  if (text.includes('INTO uplift_service.reservations')) return insertReservations(rows, values);
  if (text.includes('UPDATE uplift_service.reservations')) return updateReservations(rows, values);
  if (text.includes('JOIN uplift_service.reservations')) {
    const wanted = unnest('tenant reservation_id', values);
    return answer(wanted.map((row) => rows.reservations.get(keyOf(row))).filter((row) => row !== undefined));
  }
  if (text.includes('INTO uplift_service.dead_letters')) {
    for (const row of unnest('topic topic_id partition event_offset tenant event_id offset code', values))
      rows.letters.set(`${row.partition}/${row.event_offset}`, row.code ?? null);
    return answer([]);
  }
  throw new Error(`a statement that nobody knows: ${text}`);
}

function offsetsOf({ offsets }: Rows, topicId: string, values: readonly SqlValue[]): object[] {
  return unnest('partition', values).flatMap(({ partition }) => {
    const at = offsets.get(Number(partition));
    if (at === undefined) return [];
    return {
      topic_id: topicId,
      partition: Number(partition),
      next_offset: at.nextOffset,
      leader_epoch: at.leaderEpoch,
      decided_through: at.decidedThrough,
      log_time_ms: BigInt(at.logTimeMs),
      commands_topic_id: at.commandsTopicId,
    };
  });
}

function move({ offsets }: Rows, values: readonly SqlValue[]): SqlResult<object> {
  const wanted = unnest('partition expected next decided log_time epoch commands_topic', values);
  const fits = wanted.filter((row) => {
    const at = offsets.get(Number(row.partition));
    const isOther = at?.commandsTopicId != null && row.commands_topic != null;
    return at?.nextOffset === row.expected && !(isOther && at.commandsTopicId !== row.commands_topic);
  });
  for (const row of fits)
    offsets.set(Number(row.partition), {
      nextOffset: BigInt(String(row.next)),
      decidedThrough: BigInt(String(row.decided)),
      logTimeMs: Number(row.log_time),
      leaderEpoch: Number(row.epoch),
      commandsTopicId: row.commands_topic === null ? null : String(row.commands_topic),
    });
  return answer([], fits.length);
}

const OPERATION =
  'tenant event_id decision reservation_id reason partition command_offset event_offset repeats';

function upsertOperations({ operations }: Rows, values: readonly SqlValue[]): SqlResult<object> {
  return answer(
    unnest(OPERATION, values).map((row) => {
      const id = String(row.event_id);
      const before = operations.get(id);
      const repeats = Number(before?.repeats ?? 0) + Number(row.repeats);
      operations.set(id, { ...(before ?? row), repeats });
      return { event_id: id, inserted: before === undefined };
    }),
  );
}

const INSERTED =
  'tenant reservation_id resource start end quantity status hold_until version event_id partition offset changed_offset';

function insertReservations({ reservations }: Rows, values: readonly SqlValue[]): SqlResult<object> {
  const wanted = unnest(INSERTED, values);
  if (wanted.some(({ resource }) => resource === POISON)) {
    const cause = Object.assign(new Error('value too long'), { code: '22001', severity: 'ERROR' });
    throw new UpliftError('UPL-POSTGRES-QUERY', { message: 'refused', cause });
  }
  const made = wanted.filter((row) => !reservations.has(keyOf(row)));
  for (const row of made) reservations.set(keyOf(row), row);
  return answer(made);
}

const UPDATED = 'tenant reservation_id start end quantity status hold_until version changed_offset before';

function updateReservations({ reservations }: Rows, values: readonly SqlValue[]): SqlResult<object> {
  const fits = unnest(UPDATED, values).filter((row) => reservations.get(keyOf(row))?.version === row.before);
  for (const { before, ...row } of fits)
    reservations.set(keyOf(row), { ...reservations.get(keyOf(row)), ...row });
  return answer(fits);
}
