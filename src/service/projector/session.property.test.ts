import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, test, vi } from 'vitest';
import type { Cluster, PartitionBatch, Read } from '../../clients/kafka/ports.ts';
import type { EventSchema } from '../../contract/events.ts';
import type { ProjectionStatus } from '../../contract/http.ts';
import { TOPICS } from '../../contract/records.ts';
import { isUpliftError, UpliftError } from '../../core/error.ts';
import { createMetrics } from '../runtime/metrics.ts';
import { DeadLetterBox } from './dead-letters.ts';
import { readBatches } from './event.ts';
import { type Position, project, refusedKey } from './fold.ts';
import { LogReader, type LogStep, logOf, STEPS, type TestLog, TOPIC_ID, turn } from './log-fixture.ts';
import { FATES, type Fate, TestPostgres } from './postgres-fixture.ts';
import { ProjectorSession } from './session.ts';
import { applyProjection, loadPositions } from './store.ts';
import { loadVersions } from './store-rows.ts';
import { versionsWanted } from './versions.ts';

// Pauses between attempts end at once.
vi.mock('node:timers/promises', async (original) => ({
  ...(await original<typeof import('node:timers/promises')>()),
  setTimeout: () => new Promise<void>((done) => void setImmediate(done)),
}));

const SCHEMA: EventSchema = 1;
const LONGEST_TURNS = 20_000;
const MOST_LIVES = 20;

/** Events that are put aside because Postgres refuses their rows. */
const refusedOf = (logs: readonly TestLog[]): ReadonlyMap<string, string> =>
  new Map(
    logs.flatMap(({ partition, poison }) =>
      poison.map((offset) => [refusedKey(partition, offset), '22001'] as const),
    ),
  );

/** The records of a log from an offset on, one a batch. */
function oneByOne({ partition, records, endOffset }: TestLog, from: bigint) {
  const place = { topic: TOPICS.events, topicId: TOPIC_ID, partition, highWatermark: endOffset };
  const own = records.filter(({ offset }) => offset >= from);
  const batches = own.map((record, at) => ({
    ...place,
    records: [record],
    nextOffset: own[at + 1]?.offset ?? endOffset,
  }));
  return batches.length > 0 || from >= endOffset
    ? batches
    : [{ ...place, records: [], nextOffset: endOffset }];
}

/** Projects as simply as can be: one event after the other, nothing ahead, nothing fails. At most `limit` of each log. */
async function inSequence(
  postgres: TestPostgres,
  logs: readonly TestLog[],
  limit = Number.POSITIVE_INFINITY,
) {
  for (const log of logs) {
    const { partition } = log;
    const stored = await loadPositions(postgres, TOPIC_ID, [partition]);
    const at = stored.get(partition)?.nextOffset ?? 0n;
    for (const batch of oneByOne(log, at).slice(0, limit)) {
      const read = readBatches([batch], SCHEMA);
      const positions: ReadonlyMap<number, Position> = await loadPositions(postgres, TOPIC_ID, [partition]);
      const versions = await loadVersions(postgres, versionsWanted(read));
      const projection = project({ positions, versions, refused: refusedOf(logs) }, read);
      expect(projection.troubles.size).toBe(0);
      if (projection.moves.length === 0) continue;
      expect(await applyProjection(postgres, TOPIC_ID, projection)).toMatchObject({ state: 'applied' });
    }
  }
}

interface World {
  /** Of each partition. */
  readonly steps: readonly (readonly LogStep[])[];
  readonly sizes: readonly number[];
  readonly fates: readonly Fate[];
  /** Whether Kafka takes a dead letter, in turn; then always. */
  readonly takesLetters: readonly boolean[];
}

/** Runs sessions, a new one where one ended by an error, until all is applied; answers what they left. */
async function runSessions(logs: readonly TestLog[], { sizes, fates, takesLetters }: World) {
  const partitions = [...logs.keys()];
  const postgres = new TestPostgres(TOPIC_ID, partitions, fates);
  postgres.otherWriter = async () => {
    const other = new TestPostgres(TOPIC_ID, partitions);
    other.rows = postgres.rows;
    await inSequence(other, logs, 1);
    postgres.rows = other.rows;
  };
  const letters = new Set<string>();
  const box = boxOf(letters, takesLetters);
  const isDone = (): boolean =>
    logs.every(({ partition, endOffset }) => postgres.rows.offsets.get(partition)?.nextOffset === endOffset);
  const stopped: ProjectionStatus['stopped'][number][] = [];
  const failures: unknown[] = [];
  for (let lives = 0; lives < MOST_LIVES && !isDone(); lives += 1) {
    const stop = new AbortController();
    const session = sessionOf({ logs, sizes, postgres, box, stop });
    let ended = false;
    const running = session.run().catch((error: unknown) => {
      ended = true;
      if (!isUpliftError(error)) failures.push(error);
    });
    for (let turns = 0; !isDone() && !ended && turns < LONGEST_TURNS; turns += 1) await turn();
    stopped.push(...session.status().stopped);
    stop.abort();
    await running;
  }
  return { rows: postgres.rows, letters, stopped, failures };
}

/** Notes the offsets that dead letters are of. */
function boxOf(letters: Set<string>, takes: readonly boolean[]): DeadLetterBox {
  let calls = 0;
  const send = async ({ records, topic, partition }: PartitionBatch) => {
    await turn();
    if (takes[calls++] === false) throw new UpliftError('UPL-KAFKA-PRODUCE', { message: 'away' });
    for (const { headers } of records) {
      const [, offset] = headers.find(([key]) => key.toString() === 'uplift-dlq-origin-offset') ?? [];
      letters.add(`${partition}/${offset}`);
    }
    return { topic, partition, baseOffset: 0n, count: records.length };
  };
  return new DeadLetterBox({
    produce: { send },
    instance: 'test',
    nowMs: () => 0,
    onParked: () => undefined,
  });
}

function sessionOf({
  logs,
  sizes,
  postgres,
  box,
  stop,
}: Pick<World, 'sizes'> & {
  readonly logs: readonly TestLog[];
  readonly postgres: TestPostgres;
  readonly box: DeadLetterBox;
  readonly stop: AbortController;
}): ProjectorSession {
  const topics = [{ name: TOPICS.events, id: TOPIC_ID, partitions: logs.map(() => ({})) }];
  const bounds = async () =>
    logs.map(({ partition, endOffset }) => ({ partition, topicId: TOPIC_ID, startOffset: 0n, endOffset }));
  const epochEnds: Read['epochEnds'] = async (wants) =>
    wants.map((want) => ({ ...want, endOffset: logs[want.partition]?.endOffset ?? 0n }));
  const open: Read['open'] = (positions) =>
    new LogReader(
      logs,
      new Map(positions.map(({ partition, nextOffset }) => [partition, nextOffset])),
      sizes,
    );
  return new ProjectorSession({
    cluster: { describe: async () => ({ topics }) } as unknown as Cluster,
    read: { bounds, epochEnds, open } as unknown as Read,
    sql: postgres,
    letters: box,
    eventSchema: SCHEMA,
    metrics: createMetrics(),
    log: pino({ level: 'silent' }),
    owned: logs.map(({ partition }) => partition),
    partitions: logs.length,
    signal: stop.signal,
  });
}

const step: fc.Arbitrary<LogStep> = fc.record({
  kind: fc.oneof({ weight: 3, arbitrary: fc.constantFrom('create', 'change') }, fc.constantFrom(...STEPS)),
  of: fc.nat(20),
});
const world: fc.Arbitrary<World> = fc.record({
  steps: fc.array(fc.array(step, { maxLength: 14 }), { minLength: 1, maxLength: 3 }),
  sizes: fc
    .array(fc.nat(4), { minLength: 1, maxLength: 9 })
    .filter((sizes) => sizes.some((size) => size > 0)),
  fates: fc.array(fc.oneof(fc.constant<Fate>('committed'), fc.constantFrom(...FATES)), { maxLength: 8 }),
  takesLetters: fc.array(fc.boolean(), { maxLength: 3 }),
});

describe('a projector that reads ahead', () => {
  test('leaves what one that does one event after the other leaves, whatever becomes of its writes', async () => {
    await fc.assert(
      fc.asyncProperty(world, async (one) => {
        const logs = one.steps.map((steps, partition) => logOf(partition, steps));
        const expected = new TestPostgres(TOPIC_ID, [...logs.keys()]);
        await inSequence(expected, logs);
        const { rows, letters, stopped, failures } = await runSessions(logs, one);
        expect(failures).toEqual([]);
        expect(stopped).toEqual([]);
        expect(rows).toEqual(expected.rows);
        // Each letter stood in Kafka: nothing that is parked is only in Postgres.
        for (const key of rows.letters.keys())
          if (!one.fates.includes('otherFirst')) expect(letters).toContain(key);
      }),
      { numRuns: 400 },
    );
  });
});
