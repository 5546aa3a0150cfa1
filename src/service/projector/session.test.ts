import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import type { Cluster, Read, Reader, RecordBatch } from '../../clients/kafka/ports.ts';
import type { Sql } from '../../clients/postgres/index.ts';
import { TOPICS } from '../../contract/records.ts';
import { UpliftError } from '../../core/error.ts';
import { waitFor } from '../../core/wait.ts';
import { createMetrics } from '../runtime/metrics.ts';
import { DeadLetterBox } from './dead-letters.ts';
import { ProjectorSession } from './session.ts';

const BATCH: RecordBatch = {
  topic: TOPICS.events,
  topicId: 'id',
  partition: 0,
  records: [],
  nextOffset: 1n,
  highWatermark: 1n,
};

/** One partition with one batch at offset 0, and a Postgres that answers every read. */
class World {
  stored = 0n;
  /** Ends of the log as they are told one after the other, before the right one. */
  ends: bigint[] = [];
  /** What becomes of a write: throws, or it is in. */
  write: () => void = () => {
    this.stored = 1n;
  };
  readonly stop = new AbortController();
  readonly session: ProjectorSession;

  constructor() {
    const cluster = {
      describe: async () => ({ topics: [{ name: TOPICS.events, id: 'id', partitions: [{}] }] }),
    } as unknown as Cluster;
    const bounds = async () => [
      {
        ...{ topic: TOPICS.events, topicId: 'id', partition: 0, startOffset: 0n },
        endOffset: this.ends.shift() ?? 1n,
      },
    ];
    const read = { bounds, epochEnds: async () => [], open: () => this.#reader() } as unknown as Read;
    this.session = new ProjectorSession({
      cluster,
      read,
      sql: this.#sql(),
      letters: new DeadLetterBox({
        produce: { send: () => Promise.reject(new Error('no letter here')) },
        instance: 'test',
        nowMs: () => 0,
        onParked: () => undefined,
      }),
      eventSchema: 1,
      metrics: createMetrics(),
      log: pino({ level: 'silent' }),
      owned: [0],
      partitions: 1,
      signal: this.stop.signal,
    });
  }

  #reader(): Reader {
    let at = 0n;
    return {
      next: async (waitMs) => {
        if (at === 0n) {
          at = 1n;
          return BATCH;
        }
        await new Promise((done) => setTimeout(done, Math.min(waitMs, 5)));
        return undefined;
      },
      seek: (_topic, _partition, nextOffset) => {
        at = nextOffset;
      },
      stalled: () => [],
      close: async () => undefined,
    };
  }

  #sql(): Sql {
    const row = () => ({
      topic_id: 'id',
      partition: 0,
      next_offset: this.stored,
      leader_epoch: -1,
      decided_through: -1n,
      log_time_ms: 0n,
    });
    const transaction = async () => {
      this.write();
      return { state: 'committed', value: { crossed: 0, replays: { applied: 0, superseded: 0 } } };
    };
    return { query: async () => ({ rows: [row()], rowCount: 1 }), transaction } as unknown as Sql;
  }

  async while(work: () => Promise<void>): Promise<void> {
    const running = this.session.run();
    try {
      await work();
    } finally {
      this.stop.abort();
      await running;
    }
  }

  untilProbe(what: string, wanted: (probe: { ok: boolean; detail: string }) => boolean): Promise<unknown> {
    const timing = { timeoutMs: 10_000, intervalMs: 5 };
    return waitFor(async () => wanted(this.session.probe()), { what, ...timing });
  }
}

const diskFull = (): UpliftError =>
  new UpliftError('UPL-POSTGRES-QUERY', { message: 'could not extend file: No space left on device' });

test('a broker that was just woken and tells an old end of the log stops no partition', async () => {
  const world = new World();
  world.stored = 1n;
  world.ends = [0n];
  await world.while(async () => {
    await world.untilProbe('ready', ({ ok }) => ok);
  });
  expect(world.session.positions().get(0)).toBe(1n);
}, 15_000);

describe('a projector whose Postgres answers reads and takes no write', () => {
  test('is not ready and says why, keeps the event, and is ready once it is written', async () => {
    const world = new World();
    const take = world.write;
    world.write = () => {
      throw diskFull();
    };
    await world.while(async () => {
      await world.untilProbe('not ready', ({ ok, detail }) => !ok && detail.includes('No space left'));
      expect(world.session.positions().get(0)).toBe(0n);
      world.write = take;
      await world.untilProbe('ready', ({ ok }) => ok);
      expect(world.session.positions().get(0)).toBe(1n);
    });
  });

  test('is ready when the write was in although its answer was an error, and no event follows', async () => {
    const world = new World();
    let writes = 0;
    world.write = () => {
      writes += 1;
      world.stored = 1n;
      throw diskFull();
    };
    await world.while(async () => {
      await world.untilProbe('ready', ({ ok }) => ok && writes > 0);
      expect(world.session.positions().get(0)).toBe(1n);
      expect(writes).toBe(1);
    });
  });
});
