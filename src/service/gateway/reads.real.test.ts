import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ServiceDatabase, startServiceDatabase } from '../../../test/support/service-database.ts';
import { VIEWS } from '../../contract/projection.ts';
import { commandSchema, TOPICS } from '../../contract/records.ts';
import { encodeToken } from '../../contract/token.ts';
import { awaitedKey } from './decisions.ts';
import { type List, type ListRow, resourceList, tenantList } from './lists.ts';
import { Reader, type ReadStatement } from './reader.ts';
import {
  lookUpDecidedAt,
  lookUpDecisions,
  type OperationRow,
  operationStatement,
  type ReservationRow,
  reservationStatement,
} from './reads.ts';
import { planOf } from './requests.ts';

const RESERVATIONS = 250;
const TENANTS = ['acme', 'other'];
const never = new AbortController().signal;
const idOf = (n: number): string => `${String(n).padStart(13, '0')}-12345678`;
const eventOf = (n: number): string => n.toString(16).padStart(32, '0');

let database: ServiceDatabase;
beforeAll(async () => {
  database = await startServiceDatabase('uplift-gateway-reads');
  const { direct } = database;
  // Every tenant has the same ids of reservations and operations; five slots begin within one millisecond.
  await direct.query(
    `INSERT INTO uplift_service.reservations (tenant, reservation_id, resource, slot_start, slot_end, quantity, status,
       event_id, command_partition, command_offset, version, changed_offset)
     SELECT t, lpad(n::text, 13, '0') || '-12345678', 'room-' || n % 2,
       timestamptz '2026-06-01T00:00:00Z' + (n / 10) * interval '1 hour' + (n % 5) * interval '1 microsecond',
       '2027-01-01T00:00:00Z', 1, 'active', lpad(to_hex(n), 32, '0'), 3, n, 1, n
     FROM unnest($1::text[]) t, generate_series(1, $2::int) n`,
    [TENANTS, RESERVATIONS],
  );
  await direct.query(
    `INSERT INTO uplift_service.operations
     SELECT event_id, 'accepted', reservation_id, NULL, 3, command_offset, command_offset, 0, tenant
     FROM uplift_service.reservations`,
  );
  await direct.query(
    `INSERT INTO uplift_service.offsets (topic, topic_id, partition, next_offset, decided_through)
     VALUES ($1, 'events-topic', 3, 10, 10), ($1, 'events-topic', 4, 10, 9)`,
    [TOPICS.events],
  );
  await direct.query('ANALYZE');
});
afterAll(() => database?.stop());

function readerOf(waitMs = 50): Reader {
  return new Reader({
    writer: database.direct,
    replicas: [database.sql],
    region: 'local',
    partitions: 24,
    commandsTopicId: () => 'commands-topic',
    waitMs,
    maxWaiting: 10,
    maxInFlight: 100,
    onRead: () => undefined,
  });
}

async function read<R extends object>(statement: ReadStatement, token?: string): Promise<readonly R[]> {
  const result = await readerOf().read<R>(statement, token, never);
  if (result.kind !== 'rows') throw new Error(result.kind);
  return result.rows;
}

const tokenAt = (partition: number, commandOffset = 10n): string =>
  encodeToken({ region: 'local', topicId: 'commands-topic', partition, commandOffset });

/** All pages of a list. */
async function walk(listAt: (cursor: string | undefined) => List | undefined, token?: string) {
  const pages: string[][] = [];
  let cursor: string | undefined;
  do {
    const list = listAt(cursor);
    if (list === undefined) throw new Error('not a cursor');
    const { reservations, next } = list.answer(await read<ListRow>(list.statement, token));
    expect(reservations.every(({ tenant }) => tenant === 'acme')).toBe(true);
    pages.push(reservations.map(({ reservationId }) => reservationId));
    cursor = next ?? undefined;
  } while (cursor !== undefined && pages.length <= RESERVATIONS);
  return pages;
}

test('a slot is read back as the fold has it, however fine it was asked for', async () => {
  // Cut to milliseconds the first is one long; rounded to microseconds it is empty. The second ends up within one.
  const [empty, within] = ['2026-06-01T10:00:00.001Z', '2026-06-01T10:00:00.0011Z'].map((end) => ({
    start: '2026-06-01T10:00:00.0009999Z',
    end,
  }));
  for (const slot of [empty, within]) {
    const body = { resource: 'room-1', slot, quantity: 1 };
    const planned = planOf(
      { verb: 'create', tenant: 'acme', id: '', body },
      { partitions: 24, holdMs: 1000 },
    );
    if (planned.kind === 'refused') throw new Error(planned.detail);
    const stamp = { eventId: eventOf(1), newReservationId: idOf(1), issuedAtMs: 1, notAfterMs: 2 };
    const command = commandSchema.parse(JSON.parse(planned.plan.encode(stamp).toString()));
    if (command.type !== 'create') throw new Error(command.type);
    const { rows } = await database.direct.query<{ slot_start: Date; slot_end: Date }>(
      'SELECT $1::timestamptz AS slot_start, $2::timestamptz AS slot_end',
      [command.slot.start, command.slot.end],
    );
    const [start, end] = [rows[0]?.slot_start.getTime(), rows[0]?.slot_end.getTime()];
    expect([start, end]).toEqual([Date.parse(slot?.start ?? ''), Date.parse(slot?.end ?? '')]);
  }
});

describe('reads of the projection, through PgBouncer in transaction mode', () => {
  test.each([undefined, 7])('the list of a tenant has everything once, in pages of %j', async (limit) => {
    const query = limit === undefined ? {} : { limit: String(limit) };
    for (const token of [undefined, tokenAt(3)]) {
      const pages = await walk(
        (cursor) => tenantList('acme', { ...query, ...(cursor && { cursor }) }),
        token,
      );
      expect(pages.flat()).toEqual(Array.from({ length: RESERVATIONS }, (_, i) => idOf(i + 1)));
      expect(pages).toHaveLength(Math.ceil(RESERVATIONS / (limit ?? 50)));
    }
  });

  test('the list of a resource has everything once by slot, also where slots differ by a microsecond', async () => {
    const { rows } = await database.direct.query<{ id: string }>(
      `SELECT reservation_id AS id FROM uplift_service.reservations WHERE tenant = 'acme' AND resource = 'room-1'
       ORDER BY slot_start, reservation_id`,
    );
    for (const token of [undefined, tokenAt(3)]) {
      const pages = await walk(
        (cursor) => resourceList('acme', 'room-1', { limit: '3', ...(cursor && { cursor }) }),
        token,
      );
      expect(pages.flat()).toEqual(rows.map(({ id }) => id));
      expect(pages.flat()).toHaveLength(RESERVATIONS / 2);
    }
  });

  test('a list from … to … has the slots that start there, the first instant and not the last', async () => {
    const query = { from: '2026-06-01T01:00:00.000001Z', to: '2026-06-01T02:00:00.000001Z', limit: '100' };
    const list = resourceList('acme', 'room-1', query);
    const rows = list?.answer(await read<ListRow>(list.statement)).reservations;
    // n = 11 … 19 start in that hour; 15 (+0 µs) starts before the first instant. 25 is at two o'clock sharp, 21 after it.
    expect(rows?.map(({ reservationId }) => reservationId).sort()).toEqual([11, 13, 17, 19, 25].map(idOf));
  });

  test('lists go over an index whose first column is the tenant, with no sort and no more rows than a page', async () => {
    const list = resourceList('acme', 'room-1', { limit: '5' });
    const own = tenantList('acme', { limit: '5' });
    for (const statement of [list?.statement, own?.statement]) {
      if (statement === undefined) throw new Error('no list');
      const plan = await database.direct.transaction(async (tx) => {
        await tx.query('SET LOCAL enable_seqscan = off');
        return tx.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${statement.text}`, statement.values);
      });
      if (plan.state !== 'committed') throw new Error(plan.reason);
      const text = plan.value.rows.map((row) => row['QUERY PLAN']).join('\n');
      expect(text).toMatch(/Index Scan using reservations_(of_resource|pkey)/);
      expect(text).toContain(`Index Cond: ((tenant = 'acme'::text)`);
      expect(text).not.toContain('Sort');
    }
  });

  test('a row is that of its tenant, and nothing of another one is found', async () => {
    const [row] = await read<ReservationRow>(reservationStatement('acme', idOf(5)));
    expect(row).toMatchObject({ tenant: 'acme', reservation_id: idOf(5), made_by: eventOf(5) });
    await database.direct.query(
      `DELETE FROM uplift_service.reservations WHERE tenant = 'other' AND reservation_id = $1`,
      [idOf(250)],
    );
    expect(await read(reservationStatement('other', idOf(250)))).toEqual([]);
    expect(await read(reservationStatement('nobody', idOf(5)))).toEqual([]);
    expect(await read(operationStatement('nobody', eventOf(5)))).toEqual([]);
  });

  test('a token is compared with decided_through of its own partition, with and without a row', async () => {
    for (const id of [idOf(5), idOf(999)]) {
      const statement = reservationStatement('acme', id);
      const count = id === idOf(5) ? 1 : 0;
      expect(await read(statement, tokenAt(3))).toHaveLength(count);
      expect(await read(statement, tokenAt(4, 9n))).toHaveLength(count);
      for (const token of [tokenAt(4), tokenAt(5, 0n), tokenAt(3, 11n)])
        expect(await readerOf().read(statement, token, never)).toEqual({ kind: 'behind' });
    }
    const [operation] = await read<OperationRow>(operationStatement('acme', eventOf(5)), tokenAt(3));
    expect(operation).toMatchObject({ decision: 'accepted', concerns: idOf(5) });
  });

  test('a read waits for its token and answers as soon as it is there', async () => {
    const reads = readerOf(10_000).read(reservationStatement('acme', idOf(5)), tokenAt(3, 12n), never);
    await database.direct.query(`UPDATE uplift_service.offsets SET decided_through = 12 WHERE partition = 3`);
    expect(await reads).toMatchObject({ kind: 'rows', rows: [{ reservation_id: idOf(5) }] });
  });

  test('where an operation was decided is told with the commands topic of its partition, once that is known', async () => {
    const ask = (operation: number) => lookUpDecidedAt(database.sql, 'acme', eventOf(operation));
    const at = { partition: 3, commandOffset: 5n };
    expect(await ask(5)).toEqual({ ...at, topicId: null });
    await database.direct.query(
      `UPDATE uplift_service.offsets SET commands_topic_id = 'commands-topic' WHERE partition = 3`,
    );
    expect(await ask(5)).toEqual({ ...at, topicId: 'commands-topic' });
    await database.direct.query(`DELETE FROM uplift_service.offsets WHERE partition = 3`);
    expect(await ask(5)).toEqual({ ...at, topicId: null });
    expect(await ask(4000)).toBeUndefined();
    await database.direct.query(
      `INSERT INTO uplift_service.offsets (topic, topic_id, partition, next_offset, decided_through)
       VALUES ($1, 'events-topic', 3, 12, 12)`,
      [TOPICS.events],
    );
  });

  test('an operation whose event was put aside is decided, wherever its letter is', async () => {
    const park = (operation: number, commandOffset: number | null) =>
      database.direct.query(
        `INSERT INTO uplift_service.dead_letters (topic, topic_id, partition, event_offset, tenant, event_id,
           command_offset, error_code, attempts) VALUES ($1, 'events-topic', 4, $2, 'acme', $3, $4, 'schema-unknown', 1)`,
        [TOPICS.events, operation, eventOf(operation), commandOffset],
      );
    const ask = (operation: number) => lookUpDecidedAt(database.sql, 'acme', eventOf(operation));
    await park(5001, 77);
    expect(await ask(5001)).toMatchObject({ partition: 4, commandOffset: 77n });
    expect(await lookUpDecidedAt(database.sql, 'other', eventOf(5001))).toBeUndefined();
    await park(5002, null);
    await expect(ask(5002)).rejects.toThrow('was put aside');
  });

  test('a token is not reached by what was decided from another commands topic', async () => {
    const reads = () => readerOf().read(reservationStatement('acme', idOf(5)), tokenAt(6), never);
    await database.direct.query(
      `INSERT INTO uplift_service.offsets (topic, topic_id, partition, next_offset, decided_through, commands_topic_id)
       VALUES ($1, 'events-topic', 6, 99, 99, 'made before')`,
      [TOPICS.events],
    );
    expect(await reads()).toEqual({ kind: 'behind' });
    await database.direct.query(
      `UPDATE uplift_service.offsets SET commands_topic_id = 'commands-topic' WHERE partition = 6`,
    );
    expect(await reads()).toMatchObject({ kind: 'rows', rows: [{ reservation_id: idOf(5) }] });
  });

  test('all decisions that are waited for come with one query, each to its tenant', async () => {
    await database.direct.query(
      `INSERT INTO ${VIEWS.operations} (event_id, tenant, decision, reason, command_partition, command_offset,
         event_offset, repeats) VALUES ($1, 'acme', 'rejected', 'full', 3, 9, 9, 0)`,
      [eventOf(1000)],
    );
    const wanted = [
      ...Array.from({ length: 100 }, (_, i) => ({ tenant: 'acme', operationId: eventOf(i + 1) })),
      { tenant: 'other', operationId: eventOf(250) },
      { tenant: 'acme', operationId: eventOf(1000) },
      { tenant: 'other', operationId: eventOf(1000) },
      { tenant: 'acme', operationId: eventOf(2000) },
    ];
    const found = await lookUpDecisions(database.sql, wanted, 5000);
    expect(found.size).toBe(102);
    expect(found.get(awaitedKey({ tenant: 'acme', operationId: eventOf(7) }))).toMatchObject({
      operation: { decision: 'accepted', reservationId: idOf(7) },
      reservation: { tenant: 'acme', reservationId: idOf(7) },
    });
    // Its reservation is not there: the event that made it was put aside.
    expect(found.get(`other/${eventOf(250)}`)).toMatchObject({ reservation: null });
    expect(found.get(`acme/${eventOf(1000)}`)).toMatchObject({
      operation: { reason: 'full' },
      reservation: null,
    });
  });
});
