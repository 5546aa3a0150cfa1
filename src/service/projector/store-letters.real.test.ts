import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startPostgres, type TestPostgres } from '../../../test/support/postgres-server.ts';
import type { InRecord, RecordBatch } from '../../clients/kafka/ports.ts';
import { openSql, type Sql } from '../../clients/postgres/index.ts';
import { replayHeaders } from '../../contract/dead-letter.ts';
import type { EventSchema } from '../../contract/events.ts';
import { VIEWS } from '../../contract/projection.ts';
import type { Decision } from '../../contract/records.ts';
import { idOf, someDecision, someReservation } from '../../contract/testing/decisions.ts';
import { encodeDecision, eventHeaders } from '../domain/codec.ts';
import { migrate } from '../migrate.ts';
import { readBatches } from './event.ts';
import { project } from './fold.ts';
import { type Applied, applyProjection, loadPositions } from './store.ts';
import { loadVersions } from './store-rows.ts';
import { versionsWanted } from './versions.ts';

const TOPIC_ID = 'topic-1';
const COMMANDS_ID = 'commands-1';
let postgres: TestPostgres;
let direct: Sql;
let sql: Sql;

beforeAll(async () => {
  postgres = await startPostgres('uplift-letters');
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

const decision = (offset: number, over: Partial<Decision> = {}): Decision =>
  someDecision(offset, { reservation: someReservation({ id: `res-${offset}`, quantity: 3 }), ...over });

const record = (
  offset: number,
  of: Decision,
  headers = eventHeaders(of, 2, null, COMMANDS_ID),
): InRecord => ({
  offset: BigInt(offset),
  leaderEpoch: 0,
  timestampMs: 0,
  key: null,
  value: encodeDecision(of, 2),
  headers,
});

/** The replay, at this offset, of an event that first stood at `first`. */
function replay(offset: number, of: Decision, first: number): InRecord {
  const topic = 'reservations.events';
  const origin = { topic, topicId: TOPIC_ID, partition: 0, offset: BigInt(first), timestampMs: 0 };
  const headers = replayHeaders(eventHeaders(of, 2, null, COMMANDS_ID), { id: 'run-1', origin, attempt: 1 });
  return record(offset, of, headers);
}

/** What a projector that knows schemas up to `newest` does with records that follow what it has applied. */
async function take(records: readonly InRecord[], newest: EventSchema): Promise<Applied> {
  const topic = 'reservations.events';
  const nextOffset = (records.at(-1)?.offset ?? -1n) + 1n;
  const batch: RecordBatch = {
    topic,
    topicId: TOPIC_ID,
    partition: 0,
    records,
    nextOffset,
    highWatermark: nextOffset,
  };
  const read = readBatches([batch], newest);
  const versions = await loadVersions(sql, versionsWanted(read));
  const positions = await loadPositions(sql, TOPIC_ID, [0]);
  return applyProjection(sql, TOPIC_ID, project({ positions, versions }, read));
}

const letters = async (): Promise<readonly unknown[]> =>
  (
    await direct.query(
      `SELECT event_offset, event_id, command_offset, error_code, attempts, outcome, replay_id, applied_offset
       FROM ${VIEWS.deadLetters} ORDER BY event_offset`,
    )
  ).rows;

const rows = async (view: string): Promise<readonly unknown[]> =>
  (await direct.query(`SELECT event_id FROM ${view} ORDER BY event_id`)).rows;

describe('dead letters in Postgres', () => {
  test('an event of an unknown schema is noted as parked, and nothing of it is applied', async () => {
    await take([record(0, decision(0)), record(1, decision(1))], 1);
    expect(await letters()).toMatchObject([
      {
        event_offset: 0n,
        event_id: idOf(0),
        command_offset: 0n,
        error_code: 'schema-unknown',
        outcome: 'parked',
      },
      { event_offset: 1n, event_id: idOf(1), attempts: 1, outcome: 'parked', replay_id: null },
    ]);
    expect(await rows(VIEWS.reservations)).toEqual([]);
    expect((await loadPositions(sql, TOPIC_ID, [0])).get(0)).toMatchObject({
      nextOffset: 2n,
      decidedThrough: 1n,
    });
  });

  test('its replay is applied exactly once, however often it is replayed', async () => {
    await take([record(0, decision(0)), record(1, decision(1))], 1);
    expect(await take([replay(2, decision(0), 0)], 2)).toMatchObject({
      state: 'applied',
      replays: { applied: 1, superseded: 0 },
    });
    expect(await take([replay(3, decision(0), 0), replay(4, decision(1), 1)], 2)).toMatchObject({
      replays: { applied: 1, superseded: 1 },
    });
    expect(await letters()).toMatchObject([
      { event_offset: 0n, outcome: 'applied', replay_id: 'run-1', applied_offset: 2n },
      { event_offset: 1n, outcome: 'applied', replay_id: 'run-1', applied_offset: 4n },
    ]);
    expect(await rows(VIEWS.reservations)).toEqual([{ event_id: idOf(0) }, { event_id: idOf(1) }]);
    expect(await rows(VIEWS.operations)).toEqual([{ event_id: idOf(0) }, { event_id: idOf(1) }]);
    expect((await loadPositions(sql, TOPIC_ID, [0])).get(0)).toMatchObject({
      nextOffset: 5n,
      decidedThrough: 1n,
    });
  });

  test('the replay of an event that was applied after all is superseded', async () => {
    await take([record(0, decision(0))], 2);
    expect(await take([replay(1, decision(0), 0)], 2)).toMatchObject({
      replays: { applied: 0, superseded: 1 },
    });
    expect(await letters()).toMatchObject([
      { event_offset: 0n, error_code: 'unknown', outcome: 'superseded', applied_offset: 1n },
    ]);
    expect(await rows(VIEWS.reservations)).toHaveLength(1);
  });

  test('a rejected decision is settled by its operation, and a repeat that came before does not hide the first', async () => {
    const rejected = decision(0, { decision: 'rejected', reservation: null, reason: 'full' });
    const repeat = decision(2, {
      decision: 'repeated',
      eventId: idOf(1),
      reservation: decision(1).reservation,
      first: { commandOffset: '1', decision: 'accepted' },
    });
    await take([record(0, rejected), record(1, decision(1))], 1);
    await take([record(2, repeat)], 2);
    expect(await take([replay(3, rejected, 0), replay(4, decision(1), 1)], 2)).toMatchObject({
      replays: { applied: 2, superseded: 0 },
    });
    expect(await rows(VIEWS.reservations)).toEqual([{ event_id: idOf(1) }]);
  });

  test('a replay that fails again raises the attempts; once settled a letter stays settled', async () => {
    await take([record(0, decision(0))], 1);
    await take([replay(1, decision(0), 0)], 1);
    expect(await letters()).toMatchObject([{ attempts: 2, outcome: 'parked' }]);
    await take([replay(2, decision(0), 0)], 2);
    await take([replay(3, decision(0), 0)], 1);
    expect(await letters()).toMatchObject([{ attempts: 2, outcome: 'applied', applied_offset: 2n }]);
  });
});
