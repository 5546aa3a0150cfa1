import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProduceAcks, Producer } from '@platformatic/kafka';
import { expect } from 'vitest';
import type { Header, InRecord, PartitionBounds } from '../../src/clients/kafka/ports.ts';
import { openSql, type Sql } from '../../src/clients/postgres/index.ts';
import {
  type DeadLetter,
  deadLetterHeaders,
  dlqOf,
  type Replay,
  readReplay,
} from '../../src/contract/dead-letter.ts';
import { type KafkaFixture, openKafkaFixture } from './kafka-fixture.ts';
import { startPostgres, type TestPostgres } from './postgres-server.ts';
import { type CliResult, documentOf, type RunningCli, startCli } from './sandbox-cli.ts';

export interface ParkedRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
}

const VIEWS = `
  CREATE TABLE uplift_offsets (topic text, topic_id text, partition int, next_offset bigint, leader_epoch int,
    decided_through bigint, log_time_ms bigint, updated_at timestamptz, PRIMARY KEY (topic, partition));
  CREATE TABLE uplift_operations (event_id text, decision text, reservation_id text, reason text, command_partition int,
    command_offset bigint, event_offset bigint, repeats int, tenant text DEFAULT 't');
  CREATE TABLE uplift_dead_letters (topic text, topic_id text, partition int, event_offset bigint, event_id text,
    command_offset bigint, error_code text, attempts int, outcome text, replay_id text, applied_offset bigint,
    parked_at timestamptz, settled_at timestamptz, tenant text DEFAULT 't',
    PRIMARY KEY (topic_id, partition, event_offset));
  CREATE TABLE uplift_reservations (reservation_id text, event_id text, tenant text, resource text,
    slot_start timestamptz, slot_end timestamptz, quantity int, status text, version int);`;

const COMMAND_MS = 120_000;

/**
 * Three brokers and a Postgres with the contract's views as tables. Nothing reads the topics unless a test says so:
 * dead letters are written by the tests, and `project` does what a projection would.
 */
export class DlqWorld {
  readonly fixture: KafkaFixture;
  readonly postgres: TestPostgres;
  readonly sql: Sql;
  readonly folder: string;
  readonly #raw: Producer<Buffer, Buffer, Buffer, Buffer>;

  private constructor(fixture: KafkaFixture, postgres: TestPostgres, folder: string) {
    this.fixture = fixture;
    this.postgres = postgres;
    this.folder = folder;
    this.sql = openSql(postgres.direct);
    // The producer of uplift refuses some headers; a foreign one may have written them.
    this.#raw = new Producer({ clientId: 'dlq-test', bootstrapBrokers: [...fixture.kafka.target.brokers] });
  }

  static async start(topics: Readonly<Record<string, number>>): Promise<DlqWorld> {
    const fixture = await openKafkaFixture('uplift-dlq');
    const postgres = await startPostgres('uplift-dlq');
    const world = new DlqWorld(fixture, postgres, await mkdtemp(join(tmpdir(), 'uplift-dlq-')));
    await world.sql.query(VIEWS);
    for (const [topic, partitions] of Object.entries(topics)) {
      await fixture.create(topic, partitions);
      await fixture.create(dlqOf(topic), partitions, { 'retention.ms': '604800000' });
    }
    await writeFile(join(world.folder, 'uplift.yaml'), world.#config(Object.entries(topics), true));
    await writeFile(join(world.folder, 'no-postgres.yaml'), world.#config(Object.entries(topics), false));
    return world;
  }

  async stop(): Promise<void> {
    await Promise.all([this.#raw.close(), this.sql.close()]);
    await Promise.all([this.fixture.close(), this.postgres.stop()]);
    await rm(this.folder, { recursive: true, force: true });
  }

  #config(topics: readonly (readonly [string, number])[], withPostgres: boolean): string {
    const declared = topics.map(([name, partitions]) => ({
      name,
      partitions,
      replicationFactor: 3,
      minInsyncReplicas: 2,
      dlq: { retention: '7d' },
    }));
    const { host, port, database, user } = this.postgres.direct;
    const writer = { name: 'one', address: `${host}:${port}` };
    const region = {
      name: 'local',
      kafka: { brokers: this.fixture.kafka.target.brokers },
      ...(withPostgres ? { postgres: { database, user, writer } } : {}),
    };
    // JSON is YAML.
    return JSON.stringify({ version: 1, environment: { name: 'test' }, regions: [region], topics: declared });
  }

  start(args: readonly string[]): RunningCli {
    return startCli(args, { cwd: this.folder, timeoutMs: COMMAND_MS });
  }

  run(args: readonly string[]): Promise<CliResult> {
    return this.start(args).ended;
  }

  async json<T extends object>(args: readonly string[], exit: number): Promise<T> {
    const result = await this.run([...args, '--output', 'json']);
    expect({
      exit: result.exit,
      stderr: result.exit === exit ? '' : `${result.stdout}${result.stderr}`,
    }).toEqual({
      exit,
      stderr: '',
    });
    return documentOf<T>(result);
  }

  /** Writes an event and its dead letter; the row says that the projection parked it. */
  async park(topic: string, partition: number, records: readonly ParkedRecord[]): Promise<DeadLetter[]> {
    const events = {
      topic,
      partition,
      records: records.map(() => ({ key: null, value: null, headers: [] })),
    };
    const { baseOffset } = await this.fixture.produce.send(events, { deadlineMs: 20_000 });
    const [bound] = await this.fixture.read.bounds([topic], { timeoutMs: 10_000 });
    const letters = records.map((_, at): DeadLetter => {
      const origin = {
        topic,
        topicId: bound?.topicId ?? '',
        partition,
        offset: baseOffset + BigInt(at),
        timestampMs: Date.now(),
      };
      return {
        origin,
        errorCode: 'constraint',
        errorMessage: 'no',
        attempt: 1,
        failedBy: 'test',
        failedAtMs: Date.now(),
      };
    });
    await this.write(dlqOf(topic), partition, records, letters);
    await this.sql.query(
      `INSERT INTO uplift_dead_letters (topic, topic_id, partition, event_offset, event_id, attempts, outcome, parked_at)
       SELECT $1::text, $2, $3::int, at, $1::text || '-' || $3::int || '-' || at, 1, 'parked', now() FROM unnest($4::bigint[]) AS at`,
      [topic, bound?.topicId ?? '', partition, letters.map(({ origin }) => origin.offset)],
    );
    return letters;
  }

  /** Dead letters exactly as given, null and repeated headers included. */
  async write(
    dlq: string,
    partition: number,
    records: readonly ParkedRecord[],
    letters: readonly DeadLetter[],
  ): Promise<void> {
    for (const [at, record] of records.entries()) {
      const letter = letters[at];
      const headers = letter === undefined ? record.headers : deadLetterHeaders(record.headers, letter);
      await this.#raw.send({
        acks: ProduceAcks.ALL,
        messages: [
          {
            topic: dlq,
            partition,
            // The types do not say so: null stays null on the wire.
            key: record.key as Buffer,
            value: record.value as Buffer,
            headers: new Map(headers as readonly (readonly [Buffer, Buffer])[]),
          },
        ],
      });
    }
  }

  /** The records of the target that replay something, by partition and offset. */
  async replays(topic: string): Promise<{ record: InRecord; replay: Replay; partition: number }[]> {
    const log = await this.fixture.readAll(topic);
    return [...log].flatMap(([partition, records]) =>
      records.flatMap((record) => {
        const replay = readReplay(record.headers);
        return replay === undefined ? [] : [{ record, replay, partition }];
      }),
    );
  }

  /** Does what a projection would: the first replay of each parked event is applied, then the offsets move. */
  async project(topic: string): Promise<void> {
    const ends = await this.#ends(topic);
    const replays = await this.replays(topic);
    await this.sql.query(
      `WITH applied AS (
         UPDATE uplift_dead_letters d SET outcome = 'applied', replay_id = r.id, applied_offset = r.at, settled_at = now()
         FROM (SELECT DISTINCT ON (topic_id, partition, event_offset) * FROM
                 unnest($1::text[], $2::int[], $3::bigint[], $4::text[], $5::bigint[], $6::int[])
                 AS all_of (topic_id, partition, event_offset, id, at, attempt)
               ORDER BY topic_id, partition, event_offset, at) r
         WHERE d.topic_id = r.topic_id AND d.partition = r.partition AND d.event_offset = r.event_offset
           AND d.outcome = 'parked' AND d.attempts = r.attempt
         RETURNING d.event_id)
       INSERT INTO uplift_operations (event_id, decision) SELECT event_id, 'accepted' FROM applied`,
      [
        replays.map(({ replay }) => replay.origin.topicId),
        replays.map(({ partition }) => partition),
        replays.map(({ replay }) => replay.origin.offset),
        replays.map(({ replay }) => replay.id),
        replays.map(({ record }) => record.offset),
        replays.map(({ replay }) => replay.attempt),
      ],
    );
    await this.#passed(topic, ends);
  }

  /** The projection has passed everything that stands in the topic, and applied none of it. */
  async passed(topic: string): Promise<void> {
    await this.#passed(topic, await this.#ends(topic));
  }

  #ends(topic: string): Promise<PartitionBounds[]> {
    return this.fixture.read.bounds([topic], { timeoutMs: 10_000 });
  }

  async #passed(topic: string, ends: readonly PartitionBounds[]): Promise<void> {
    for (const { topicId, partition, endOffset } of ends)
      await this.sql.query(
        `INSERT INTO uplift_offsets (topic, topic_id, partition, next_offset, decided_through) VALUES ($1, $2, $3, $4, -1)
         ON CONFLICT (topic, partition) DO UPDATE SET topic_id = $2, next_offset = $4`,
        [topic, topicId, partition, endOffset],
      );
  }
}

export const text = (value: string, headers: readonly Header[] = []): ParkedRecord => ({
  key: Buffer.from(`key of ${value}`),
  value: Buffer.from(value),
  headers,
});
