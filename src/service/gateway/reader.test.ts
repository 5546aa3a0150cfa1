import { describe, expect, test } from 'vitest';
import type { Sql } from '../../clients/postgres/index.ts';
import { encodeToken, type Token } from '../../contract/token.ts';
import { UpliftError } from '../../core/error.ts';
import { Reader } from './reader.ts';

const never = new AbortController().signal;
const TOKEN: Token = { region: 'local', topicId: 'topic', partition: 3, commandOffset: 10n };
const STATEMENT = { text: 'SELECT x FROM y WHERE tenant = $1', values: ['acme'] };

/** What the client throws for a statement that the server refused. */
const refusal = (sqlState: string): UpliftError =>
  new UpliftError('UPL-POSTGRES-QUERY', {
    message: 'refused',
    cause: Object.assign(new Error('no'), { code: sqlState, severity: 'ERROR' }),
  });

/** A server whose projection is at an offset, with one row or none. */
function server(
  name: string,
  at: {
    offset: bigint | null;
    topicId?: string;
    rows?: number;
    away?: boolean;
    refuses?: string | undefined;
  },
) {
  const asked: { text: string; values: readonly unknown[] }[] = [];
  const query = async (text: string, values: readonly unknown[] = []) => {
    asked.push({ text, values });
    if (at.refuses !== undefined) throw refusal(at.refuses);
    if (at.away === true) throw new UpliftError('UPL-POSTGRES-UNREACHABLE', { message: name });
    const rows = Array.from({ length: at.rows ?? 1 }, () => ({ name }));
    if (!text.includes('decided_through')) return { rows, rowCount: rows.length };
    const position = { decided_through: at.offset, commands_topic_id: at.topicId ?? null };
    const positioned = rows.map((row) => ({ ...row, ...position, is_row: true }));
    const none = [{ name: null, ...position, is_row: null }];
    return { rows: positioned.length === 0 ? none : positioned, rowCount: 1 };
  };
  return { at, asked, sql: { query, close: async () => undefined } as unknown as Sql };
}

type Server = ReturnType<typeof server>;

function readerOf(
  writer: Server,
  replicas: Server[],
  over: { maxWaiting?: number; maxInFlight?: number; topicId?: undefined } = {},
) {
  const sources: string[] = [];
  const reader = new Reader({
    writer: writer.sql,
    replicas: replicas.map(({ sql }) => sql),
    region: 'local',
    partitions: 24,
    commandsTopicId: () => ('topicId' in over ? over.topicId : 'topic'),
    waitMs: 60,
    maxWaiting: over.maxWaiting ?? 10,
    maxInFlight: over.maxInFlight ?? 100,
    onRead: (source) => sources.push(source),
  });
  const read = (token?: Partial<Token>) =>
    reader.read<{ name: string }>(
      STATEMENT,
      token === undefined ? undefined : encodeToken({ ...TOKEN, ...token }),
      never,
    );
  return { reader, read, sources };
}

const from = (name: string) => ({ kind: 'rows', rows: [expect.objectContaining({ name })] });

describe('reads', () => {
  test('go to the replicas in turn, and to the writer while none answers', async () => {
    const writer = server('writer', { offset: 10n });
    const replicas = [server('one', { offset: 10n }), server('two', { offset: 10n })];
    const { read, sources } = readerOf(writer, replicas);
    const names = await Promise.all([read(), read(), read(), read()]);
    expect(names.map((each) => each.kind === 'rows' && each.rows[0]?.name).sort()).toEqual([
      'one',
      'one',
      'two',
      'two',
    ]);
    for (const replica of replicas) replica.at.away = true;
    expect(await read()).toEqual(from('writer'));
    const before = replicas.map(({ asked }) => asked.length);
    expect(await read()).toEqual(from('writer'));
    // Left alone for a moment: a read does not pay for every replica that hangs.
    expect(replicas.map(({ asked }) => asked.length)).toEqual(before);
    expect(sources.filter((source) => source === 'writer')).toHaveLength(2);
    writer.at.away = true;
    await expect(read()).rejects.toThrow(UpliftError);
  });

  test('of a statement that a replica refuses ask the writer, and the replica is asked by all others', async () => {
    const writer = server('writer', { offset: 10n });
    const replica = server('one', { offset: 10n, refuses: '22P02' });
    const { read } = readerOf(writer, [replica]);
    expect(await read()).toEqual(from('writer'));
    replica.at.refuses = undefined;
    expect(await read()).toEqual(from('one'));
    // Who lets nobody in is no server of anybody.
    replica.at.refuses = '28P01';
    expect(await read()).toEqual(from('writer'));
    replica.at.refuses = undefined;
    expect(await read()).toEqual(from('writer'));
  });

  test('with a token see the row and decided_through of its partition in one statement', async () => {
    const replica = server('one', { offset: 10n });
    const { read } = readerOf(server('writer', { offset: 10n }), [replica]);
    expect(await read({})).toEqual(from('one'));
    expect(replica.asked).toHaveLength(1);
    expect(replica.asked[0]?.text).toContain(STATEMENT.text);
    expect(replica.asked[0]?.values).toEqual(['acme', 'reservations.events', 3]);
  });

  test('that find nothing where the token has been reached find nothing for certain', async () => {
    const { read } = readerOf(server('writer', { offset: 9n }), [server('one', { offset: 10n, rows: 0 })]);
    expect(await read({})).toEqual({ kind: 'rows', rows: [] });
  });

  test('wait for a replica that gets there in time, then ask the writer, then say that it is behind', async () => {
    const writer = server('writer', { offset: 9n });
    const replica = server('one', { offset: 9n });
    const { read } = readerOf(writer, [replica]);
    setTimeout(() => {
      replica.at.offset = 10n;
    }, 15);
    expect(await read({})).toEqual(from('one'));
    expect(writer.asked).toHaveLength(0);
    replica.at.offset = null;
    expect(await read({})).toEqual({ kind: 'behind' });
    expect(writer.asked).toHaveLength(1);
    writer.at.offset = 11n;
    expect(await read({})).toEqual(from('writer'));
  });

  test('are behind while what is decided is of another commands topic, however far that is', async () => {
    const writer = server('writer', { offset: 1000n, topicId: 'before' });
    const replica = server('one', { offset: 1000n, topicId: 'before' });
    const { read } = readerOf(writer, [replica]);
    expect(await read({})).toEqual({ kind: 'behind' });
    writer.at.topicId = 'topic';
    expect(await read({})).toEqual(from('writer'));
    replica.at.topicId = 'topic';
    expect(await read({})).toEqual(from('one'));
  });

  test('take what no event has said the topic of for that of today', async () => {
    const { read } = readerOf(server('writer', { offset: 9n }), [server('one', { offset: 10n })]);
    expect(await read({})).toEqual(from('one'));
  });

  test('that wait are bounded: one more asks the writer at once', async () => {
    const writer = server('writer', { offset: 10n });
    const replica = server('one', { offset: 0n });
    const { read } = readerOf(writer, [replica], { maxWaiting: 1 });
    const waits = read({});
    const before = replica.asked.length;
    expect(await read({})).toEqual(from('writer'));
    expect(replica.asked).toHaveLength(before);
    expect(await waits).toEqual(from('writer'));
  });

  test('are bounded: one more is refused without a question, and there is room again after an answer', async () => {
    const replica = server('one', { offset: 10n });
    const { read } = readerOf(server('writer', { offset: 10n }), [replica], { maxInFlight: 1 });
    const first = read();
    expect(await read()).toEqual({ kind: 'overloaded' });
    expect(await first).toEqual(from('one'));
    expect(replica.asked).toHaveLength(1);
    expect(await read()).toEqual(from('one'));
  });

  test('end when nobody waits for them any more, without a look at the writer', async () => {
    const writer = server('writer', { offset: 10n });
    const { reader } = readerOf(writer, [server('one', { offset: 0n })]);
    const gone = new AbortController();
    const waits = reader.read(STATEMENT, encodeToken(TOKEN), gone.signal);
    gone.abort();
    expect(await waits).toEqual({ kind: 'behind' });
    expect(writer.asked).toHaveLength(0);
  });

  test.each([
    ['another region', { region: 'elsewhere' }],
    ['a topic that was made anew', { topicId: 'before' }],
    ['a partition that there is not', { partition: 24 }],
    ['a partition below all', { partition: -1 }],
  ])('with a token of %s are foreign, and nothing is asked', async (_, over) => {
    const writer = server('writer', { offset: 10n });
    expect(await readerOf(writer, []).read(over)).toEqual({ kind: 'foreign' });
    expect(writer.asked).toHaveLength(0);
  });

  test('with what is no token are not valid, and without a known log none can be judged', async () => {
    const writer = server('writer', { offset: 10n });
    expect(await readerOf(writer, []).reader.read(STATEMENT, 'x', never)).toEqual({ kind: 'invalid' });
    const unready = readerOf(writer, [], { topicId: undefined });
    expect(await unready.read({})).toEqual({ kind: 'notReady' });
    expect(await unready.read({ region: 'elsewhere' })).toEqual({ kind: 'foreign' });
  });
});
