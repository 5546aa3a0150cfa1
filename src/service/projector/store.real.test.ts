import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startPostgres, type TestPostgres } from '../../../test/support/postgres-server.ts';
import type { RecordBatch } from '../../clients/kafka/ports.ts';
import { openSql, type Sql, type SqlTransaction } from '../../clients/postgres/index.ts';
import { VIEWS } from '../../contract/projection.ts';
import type { Decision, ReservationState } from '../../contract/records.ts';
import { idOf, someDecision, someReservation } from '../../contract/testing/decisions.ts';
import { encodeDecision } from '../domain/codec.ts';
import { readOperation, readReservation } from '../gateway/testing/reads.ts';
import { migrate } from '../migrate.ts';
import { readBatches } from './event.ts';
import { type Position, type Projection, project as projectRead } from './fold.ts';
import { applyProjection, loadPositions } from './store.ts';
import { loadVersions } from './store-rows.ts';

const TOPIC = 'topic-1';
let postgres: TestPostgres;
let direct: Sql;
let sql: Sql;

beforeAll(async () => {
  postgres = await startPostgres('uplift-projector');
  direct = openSql(postgres.direct);
  sql = openSql(postgres.pooled);
  await migrate(direct);
});

afterAll(async () => {
  await sql?.close();
  await direct?.close();
  await postgres?.stop();
});

beforeEach(async () => {
  await direct.query(
    `TRUNCATE uplift_service.operations, uplift_service.reservations, uplift_service.offsets,
     uplift_service.dead_letters`,
  );
});

const held = (over: Partial<ReservationState>): ReservationState => someReservation({ quantity: 3, ...over });

function accepted(offset: number, over: Partial<Decision> = {}): Decision {
  return someDecision(offset, {
    logTimeMs: 5000 + offset,
    reservation: held({ id: `res-${offset}` }),
    ...over,
  });
}

function project(
  positions: ReadonlyMap<number, Position>,
  batches: readonly RecordBatch[],
  versions: ReadonlyMap<string, number> = new Map(),
): Projection {
  return projectRead({ positions, versions }, readBatches(batches, 1));
}

function batch(
  partition: number,
  from: number,
  decisions: readonly Decision[],
  leaderEpoch = 0,
): RecordBatch {
  const records = decisions.map((decision, i) => ({
    offset: BigInt(from + i),
    leaderEpoch,
    timestampMs: 0,
    key: null,
    value: encodeDecision(decision),
    headers: [],
  }));
  const nextOffset = BigInt(from + decisions.length);
  return { topic: 't', topicId: TOPIC, partition, records, nextOffset, highWatermark: nextOffset };
}

const count = async (view: string): Promise<bigint> =>
  (await direct.query<{ n: bigint }>(`SELECT count(*) AS n FROM ${view}`)).rows[0]?.n ?? -1n;

/** A Sql whose transactions report this end although they committed: what a lost answer looks like. */
function reporting(state: 'unknown' | 'notAcknowledged'): Sql {
  return {
    query: (text, values, options) => sql.query(text, values, options),
    transaction: async <T>(work: (tx: SqlTransaction) => Promise<T>) => {
      await sql.transaction(work);
      return { state, reason: 'for the test' };
    },
    close: async () => undefined,
  };
}

describe('the projection in Postgres', () => {
  test('migrating again applies nothing, also twice at once', async () => {
    expect((await Promise.all([migrate(direct), migrate(direct)])).map((m) => m.applied)).toEqual([[], []]);
  });

  test('partitions that are new start at 0 of the topic; a row of another topic id is answered as it is', async () => {
    await loadPositions(sql, TOPIC, [0, 1]);
    const again = await loadPositions(sql, 'topic-2', [0, 1, 2]);
    const found = [...again].toSorted(([a], [b]) => a - b);
    expect(found.map(([p, at]) => [p, at.topicId, at.nextOffset, at.leaderEpoch])).toEqual([
      [0, TOPIC, 0n, -1],
      [1, TOPIC, 0n, -1],
      [2, 'topic-2', 0n, -1],
    ]);
  });

  test('a batch writes rows and offsets of all its partitions together, as the views promise', async () => {
    const positions = await loadPositions(sql, TOPIC, [3, 7]);
    const full = accepted(1, { decision: 'rejected', reservation: null, reason: 'full' });
    const repeated = accepted(2, {
      decision: 'repeated',
      eventId: idOf(0),
      first: { commandOffset: '0', decision: 'accepted' },
    });
    const other = accepted(0, {
      eventId: idOf(99),
      reservation: someReservation({ id: 'res-99', resource: 'q' }),
    });
    const projection = project(positions, [
      batch(7, 0, [other], 2),
      batch(3, 0, [accepted(0), full, repeated], 11),
    ]);
    expect(await applyProjection(sql, TOPIC, projection)).toMatchObject({ state: 'applied', crossed: 0 });
    const { rows } = await direct.query(
      `SELECT topic, topic_id, partition, next_offset, leader_epoch, decided_through, log_time_ms
       FROM ${VIEWS.offsets} ORDER BY partition`,
    );
    const common = { topic: 'reservations.events', topic_id: TOPIC };
    expect(rows).toEqual([
      { ...common, partition: 3, next_offset: 3n, leader_epoch: 11, decided_through: 2n, log_time_ms: 5002n },
      { ...common, partition: 7, next_offset: 1n, leader_epoch: 2, decided_through: 0n, log_time_ms: 5000n },
    ]);
    const operations = await direct.query(
      `SELECT event_id, decision, repeats FROM ${VIEWS.operations} ORDER BY event_id`,
    );
    expect(operations.rows).toEqual([
      { event_id: idOf(0), decision: 'accepted', repeats: 1 },
      { event_id: idOf(1), decision: 'rejected', repeats: 0 },
      { event_id: idOf(99), decision: 'accepted', repeats: 0 },
    ]);
    expect(await readOperation(sql, idOf(1), 't')).toMatchObject({
      decision: 'rejected',
      reason: 'full',
      commandOffset: '1',
    });
    expect(await readReservation(sql, 'res-0', 't')).toMatchObject({
      quantity: 3,
      status: 'active',
      operationId: idOf(0),
    });
    expect(await readReservation(sql, 'res-0', 'somebody-else')).toBeUndefined();
  });

  test('an offset that moved under it rolls everything back, also for the partitions that did not move', async () => {
    const positions = await loadPositions(sql, TOPIC, [0, 1]);
    const stale = project(positions, [
      batch(0, 0, [accepted(0)]),
      batch(1, 0, [accepted(0, { eventId: idOf(50) })]),
    ]);
    await applyProjection(sql, TOPIC, project(positions, [batch(0, 0, [accepted(0)])]));
    const end = await applyProjection(sql, TOPIC, stale);
    expect(end).toEqual({ state: 'again', reason: '1 of 2 offsets are not where they were' });
    expect([await count(VIEWS.operations), await count(VIEWS.reservations)]).toEqual([1n, 1n]);
    expect((await loadPositions(sql, TOPIC, [1])).get(1)?.nextOffset).toBe(0n);
  });

  test('two projectors with the same partitions, in whatever order, apply each batch once and never lock each other out', async () => {
    const partitions = [0, 1, 2, 3];
    await loadPositions(sql, TOPIC, partitions);
    const run = async (order: readonly number[]): Promise<void> => {
      for (let tries = 0; tries < 200; tries += 1) {
        const positions = await loadPositions(sql, TOPIC, partitions);
        const batches = order.flatMap((partition) => {
          const at = Number(positions.get(partition)?.nextOffset ?? 0n);
          const make = (n: number): Decision =>
            accepted(n, {
              eventId: idOf(partition * 1000 + n),
              reservation: someReservation({ id: `r-${partition}-${n}` }),
            });
          return at >= 20 ? [] : [batch(partition, at, [make(at), make(at + 1)])];
        });
        if (batches.length === 0) return;
        await applyProjection(sql, TOPIC, project(positions, batches));
      }
    };
    await Promise.all([run(partitions), run(partitions.toReversed())]);
    expect([await count(VIEWS.operations), await count(VIEWS.reservations)]).toEqual([80n, 80n]);
  });

  test.each(['unknown', 'notAcknowledged'] as const)(
    'a COMMIT that is %s is never taken for applied: what stands there is read again',
    async (state) => {
      const positions = await loadPositions(sql, TOPIC, [0]);
      const projection = project(positions, [batch(0, 0, [accepted(0)])]);
      const end = await applyProjection(reporting(state), TOPIC, projection);
      expect(end.state).toBe('again');
      expect((await loadPositions(sql, TOPIC, [0])).get(0)).toMatchObject({
        nextOffset: 1n,
        leaderEpoch: 0,
        decidedThrough: 0n,
      });
      // Writing the same again is refused by the offsets.
      expect((await applyProjection(sql, TOPIC, projection)).state).toBe('again');
      expect(await count(VIEWS.reservations)).toBe(1n);
    },
  );

  test('a position keeps the commands topic it is of, and none of another topic is written over it', async () => {
    const at = async () => (await loadPositions(sql, TOPIC, [0])).get(0);
    /** The next event, applied by somebody who takes the position for one of this topic. */
    const applyAs = async (offset: number, commandsTopicId: string | null) => {
      const { moves, ...rows } = project(await loadPositions(sql, TOPIC, [0]), [
        batch(0, offset, [accepted(offset)]),
      ]);
      const as = moves.map((move) => ({ ...move, to: { ...move.to, commandsTopicId } }));
      return (await applyProjection(sql, TOPIC, { ...rows, moves: as })).state;
    };
    expect(await applyAs(0, null)).toBe('applied');
    expect(await at()).toMatchObject({ nextOffset: 1n, commandsTopicId: null });
    expect(await applyAs(1, 'a')).toBe('applied');
    expect(await applyAs(2, null)).toBe('applied');
    expect(await at()).toMatchObject({ nextOffset: 3n, commandsTopicId: 'a' });
    expect(await applyAs(3, 'b')).toBe('again');
    expect(await at()).toMatchObject({ nextOffset: 3n, commandsTopicId: 'a' });
    expect(await applyAs(3, 'a')).toBe('applied');
  });

  test('an event id that is decided a second time keeps its first row and is counted', async () => {
    const positions = await loadPositions(sql, TOPIC, [0]);
    await applyProjection(sql, TOPIC, project(positions, [batch(0, 0, [accepted(0)])]));
    const second = accepted(1, {
      eventId: idOf(0),
      reservation: someReservation({ id: 'res-other' }),
    });
    const end = await applyProjection(
      sql,
      TOPIC,
      project(await loadPositions(sql, TOPIC, [0]), [batch(0, 1, [second])]),
    );
    expect(end).toMatchObject({ state: 'applied', crossed: 1 });
    expect(await readOperation(sql, idOf(0), 't')).toMatchObject({ reservationId: 'res-0' });
    expect(await readReservation(sql, 'res-other', 't')).toBeUndefined();
  });

  test('a reservation is changed from the version that stands there, in one batch or over several', async () => {
    const step = (offset: number, over: Partial<ReservationState>): Decision =>
      accepted(offset, { reservation: held({ id: 'res-0', version: offset + 1, ...over }) });
    const log = [
      step(0, { status: 'held', holdUntilMs: 9000 }),
      step(1, {}),
      step(2, { quantity: 7 }),
      step(3, { status: 'cancelled', quantity: 7 }),
    ];
    for (const [from, to] of [
      [0, 2],
      [2, 3],
      [3, 4],
    ] as const) {
      const versions = await loadVersions(sql, [held({ id: 'res-0' })]);
      const positions = await loadPositions(sql, TOPIC, [0]);
      const projection = project(positions, [batch(0, from, log.slice(from, to))], versions);
      expect(await applyProjection(sql, TOPIC, projection)).toMatchObject({ state: 'applied', crossed: 0 });
    }
    const { rows } = await direct.query(
      `SELECT status, quantity, version, hold_until, event_id, command_offset, changed_offset FROM ${VIEWS.reservations}`,
    );
    const made = { event_id: idOf(0), command_offset: 0n };
    const last = { version: 4, hold_until: null, changed_offset: 3n };
    expect(rows).toEqual([{ status: 'cancelled', quantity: 7, ...made, ...last }]);
  });

  test('a version that moved since it was read rolls the batch back, and is read again', async () => {
    const positions = await loadPositions(sql, TOPIC, [0]);
    await applyProjection(sql, TOPIC, project(positions, [batch(0, 0, [accepted(0)])]));
    const change = accepted(1, { reservation: held({ id: 'res-0', version: 3, quantity: 9 }) });
    const stale = project(
      await loadPositions(sql, TOPIC, [0]),
      [batch(0, 1, [change])],
      new Map([['t/res-0', 2]]),
    );
    const end = await applyProjection(sql, TOPIC, stale);
    expect(end).toEqual({ state: 'again', reason: '1 reservations have another version by now' });
    expect(await readReservation(sql, 'res-0', 't')).toMatchObject({ version: 1, quantity: 3 });
  });
});
