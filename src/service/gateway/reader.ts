import { setTimeout as delay } from 'node:timers/promises';
import { type Sql, type SqlResult, type SqlValue, sqlStateOf } from '../../clients/postgres/index.ts';
import { VIEWS } from '../../contract/projection.ts';
import { TOPICS } from '../../contract/records.ts';
import { decodeToken, type Token } from '../../contract/token.ts';
import { isUpliftError } from '../../core/error.ts';
import { Optional } from '../runtime/optional.ts';

/** A statement that reads, with its parameters and the columns its rows are ordered by. */
export interface ReadStatement {
  readonly text: string;
  readonly values: readonly SqlValue[];
  readonly orderBy?: string;
}

export type ReadResult<R> =
  | { readonly kind: 'rows'; readonly rows: readonly R[] }
  /** The token is none, or of another region or log. */
  | { readonly kind: 'invalid' | 'foreign' }
  /** As many reads as may be are under way. */
  | { readonly kind: 'overloaded' }
  /** Neither a replica nor the writer has got to the token. */
  | { readonly kind: 'behind' }
  /** The gateway does not know the log yet, so it can judge no token. */
  | { readonly kind: 'notReady' };

export interface ReaderOptions {
  readonly writer: Sql;
  readonly replicas: readonly Sql[];
  readonly region: string;
  readonly partitions: number;
  readonly commandsTopicId: () => string | undefined;
  /** So long a read waits for its token before it asks the writer. */
  readonly waitMs: number;
  /** Reads that may wait at once; one more asks the writer at once. */
  readonly maxWaiting: number;
  /** Reads at once: a connection that is not free is waited for, and so many may wait. */
  readonly maxInFlight: number;
  readonly onRead: (source: 'replica' | 'writer') => void;
}

/** A read of what every read reads. */
export const WARMING_READ = `SELECT 1 FROM ${VIEWS.offsets} LIMIT 1`;

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 200;

interface Look<R> {
  readonly rows: readonly R[];
  /** Of the commands topic that `commandsTopicId` names; null: no event has said which it is. */
  readonly decidedThrough: bigint;
  readonly commandsTopicId: string | null;
}

/** Whether what was looked at shows the operation of a token: no offset of another topic does, however high it is (S10). */
function shows({ decidedThrough, commandsTopicId }: Look<unknown>, token: Token): boolean {
  return (
    (commandsTopicId === null || commandsTopicId === token.topicId) && decidedThrough >= token.commandOffset
  );
}

/** Reads of the projection: from a replica, from the writer while none answers, and never older than a token. */
export class Reader {
  readonly #options: ReaderOptions;
  readonly #replicas: readonly { readonly sql: Sql; readonly optional: Optional }[];
  #next = 0;
  #waiting = 0;
  #inFlight = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#replicas = options.replicas.map((sql) => ({ sql, optional: new Optional() }));
  }

  /** The rows, at least as new as the token when there is one. Throws what the writer throws when no replica answers. */
  async read<R extends object>(
    statement: ReadStatement,
    tokenText: string | undefined,
    gone: AbortSignal,
  ): Promise<ReadResult<R>> {
    if (this.#inFlight >= this.#options.maxInFlight) return { kind: 'overloaded' };
    this.#inFlight += 1;
    try {
      return await this.#read<R>(statement, tokenText, gone);
    } finally {
      this.#inFlight -= 1;
    }
  }

  /**
   * Reads from each replica once, so that no request is the first on its connection; answers how many do not answer: those
   * are left alone for a moment, as after any read that failed. Never throws.
   */
  async warm(): Promise<number> {
    const asked = this.#replicas.map(({ sql, optional }) => optional.ask(() => sql.query(WARMING_READ)));
    return (await Promise.all(asked)).filter((answer) => answer === undefined).length;
  }

  async #read<R extends object>(
    statement: ReadStatement,
    tokenText: string | undefined,
    gone: AbortSignal,
  ): Promise<ReadResult<R>> {
    if (tokenText === undefined) {
      const { rows } = await this.#any<R>(statement.text, statement.values);
      return { kind: 'rows', rows };
    }
    const token = this.#tokenOf(tokenText);
    return 'kind' in token ? token : this.#readFrom(statement, token, gone);
  }

  /** A token of another region or of a topic that was made anew says nothing about this log (S10). */
  #tokenOf(text: string): Token | { readonly kind: 'invalid' | 'foreign' | 'notReady' } {
    const token = decodeToken(text);
    if (token === undefined) return { kind: 'invalid' };
    const { region, partitions, commandsTopicId } = this.#options;
    if (token.region !== region) return { kind: 'foreign' };
    const topicId = commandsTopicId();
    if (topicId === undefined) return { kind: 'notReady' };
    const { partition } = token;
    return token.topicId === topicId && partition >= 0 && partition < partitions
      ? token
      : { kind: 'foreign' };
  }

  async #readFrom<R extends object>(
    statement: ReadStatement,
    token: Token,
    gone: AbortSignal,
  ): Promise<ReadResult<R>> {
    const { text, values } = withPosition(statement, token.partition);
    const waited = await this.#waitFor<R>(() => this.#any(text, values), token, gone);
    if (waited !== undefined) return { kind: 'rows', rows: waited };
    if (gone.aborted) return { kind: 'behind' };
    const last = lookOf<R>(await this.#writer(text, values));
    return shows(last, token) ? { kind: 'rows', rows: last.rows } : { kind: 'behind' };
  }

  /** The rows once they are new enough; undefined: not within the bounds. */
  async #waitFor<R extends object>(
    read: () => Promise<SqlResult<object>>,
    token: Token,
    gone: AbortSignal,
  ): Promise<readonly R[] | undefined> {
    const { waitMs, maxWaiting } = this.#options;
    if (this.#waiting >= maxWaiting) return undefined;
    this.#waiting += 1;
    try {
      const deadlineMs = performance.now() + waitMs;
      for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
        const look = lookOf<R>(await read());
        if (shows(look, token)) return look.rows;
        if (gone.aborted || performance.now() + pauseMs > deadlineMs) return undefined;
        await delay(pauseMs, undefined, { signal: gone }).catch(() => undefined);
      }
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Replicas in turn; one that failed is left alone for a moment. */
  async #any<R extends object>(text: string, values: readonly SqlValue[]): Promise<SqlResult<R>> {
    for (let tried = 0; tried < this.#replicas.length; tried += 1) {
      this.#next = (this.#next + 1) % this.#replicas.length;
      const replica = this.#replicas[this.#next];
      // A server that refuses one statement answers: it is not left alone for it, and the writer has the last word.
      const result = await replica?.optional.ask(() =>
        replica.sql.query<R>(text, values).catch((error: unknown) => {
          if (isOfStatement(error)) return 'refused' as const;
          throw error;
        }),
      );
      if (result === 'refused') break;
      if (result === undefined) continue;
      this.#options.onRead('replica');
      return result;
    }
    return this.#writer<R>(text, values);
  }

  async #writer<R extends object>(text: string, values: readonly SqlValue[]): Promise<SqlResult<R>> {
    const result = await this.#options.writer.query<R>(text, values);
    this.#options.onRead('writer');
    return result;
  }
}

/** SQLSTATE classes of what is wrong with a statement, its values, or its moment, and not with the server. */
const OF_STATEMENT: ReadonlySet<string> = new Set(['0A', '21', '22', '23', '40', '42', '54']);

function isOfStatement(error: unknown): boolean {
  return (
    isUpliftError(error, 'UPL-POSTGRES-QUERY') && OF_STATEMENT.has((sqlStateOf(error) ?? '').slice(0, 2))
  );
}

/** The statement with how far a partition is decided beside its rows: one statement sees one state of one server. */
function withPosition({ text, values, orderBy }: ReadStatement, partition: number): ReadStatement {
  const at = values.length;
  return {
    text: `SELECT p.decided_through, p.commands_topic_id, q.* FROM (SELECT 1) one
      LEFT JOIN (SELECT decided_through, commands_topic_id FROM ${VIEWS.offsets}
        WHERE topic = $${at + 1} AND partition = $${at + 2}) p ON true
      LEFT JOIN LATERAL (SELECT true AS is_row, rows.* FROM (${text}) rows) q ON true
      ${orderBy === undefined ? '' : `ORDER BY ${orderBy}`}`,
    values: [...values, TOPICS.events, partition],
  };
}

function lookOf<R extends object>(result: SqlResult<object>): Look<R> {
  const rows = result.rows as readonly (R & {
    readonly decided_through: bigint | null;
    readonly commands_topic_id: string | null;
    readonly is_row: boolean | null;
  })[];
  return {
    rows: rows.filter((row) => row.is_row === true),
    decidedThrough: rows[0]?.decided_through ?? -1n,
    commandsTopicId: rows[0]?.commands_topic_id ?? null,
  };
}
