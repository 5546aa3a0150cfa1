import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TOPICS } from '../../contract/records.ts';
import { decidedAlone, recordOf } from '../domain/testing/deciding.ts';
import { histories } from '../domain/testing/histories.ts';
import type { NaiveRecord } from '../domain/testing/naive.ts';
import { readSlots } from './snapshots/read.ts';
import { knownSlots } from './snapshots/writer.ts';
import { Life } from './testing/life.ts';
import { MemoryKafka } from './testing/memory-kafka.ts';

const PARTITION = 3;

/** What happens to an owner and its logs. */
type Happening =
  | { readonly kind: 'commands'; readonly count: number }
  | { readonly kind: 'snapshot' }
  /** The process dies before it has written this record of a snapshot. */
  | { readonly kind: 'dies while writing'; readonly record: number }
  | { readonly kind: 'dies' }
  /** Retention deletes what the newest whole snapshot covers, or a part of it. */
  | { readonly kind: 'retention'; readonly tenths: number }
  | { readonly kind: 'compaction' }
  | { readonly kind: 'new leaders' };

const happenings: fc.Arbitrary<Happening[]> = fc.array(
  fc.oneof<fc.MaybeWeightedArbitrary<Happening>[]>(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('commands' as const),
        count: fc.integer({ min: 1, max: 12 }),
      }),
    },
    { weight: 4, arbitrary: fc.constant({ kind: 'snapshot' as const }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('dies while writing' as const), record: fc.nat({ max: 5 }) }),
    },
    { weight: 2, arbitrary: fc.constant({ kind: 'dies' as const }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('retention' as const),
        tenths: fc.integer({ min: 1, max: 10 }),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'compaction' as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'new leaders' as const }) },
  ),
  { maxLength: 40, size: 'max' },
);

type Seen = Record<'from snapshots' | 'with events deleted' | 'torn' | 'in several chunks', number>;

/** A partition and the life of its owner at the moment. */
class World {
  readonly kafka = new MemoryKafka(PARTITION);
  readonly #seen: Seen;
  #life: Life | undefined;

  constructor(history: readonly NaiveRecord[], seen: Seen) {
    this.#seen = seen;
    for (const record of history) {
      const value = { key: null, value: recordOf(record).value, headers: [] };
      this.kafka.commands.append(value, record.timestampMs, BigInt(record.offset));
    }
  }

  async life(): Promise<Life> {
    this.#life ??= await Life.begin(this.kafka);
    return this.#life;
  }

  async happen(step: Happening): Promise<void> {
    const life = await this.life();
    if (step.kind === 'commands') await life.take(step.count);
    else if (step.kind === 'snapshot') await this.#snapshot(life);
    else if (step.kind === 'dies while writing') await this.#tear(life, step.record);
    else if (step.kind === 'dies') await this.#die();
    else if (step.kind === 'retention') await this.#retention(step.tenths);
    else if (step.kind === 'compaction') this.kafka.snapshots.compact();
    else for (const topic of Object.values(TOPICS)) this.kafka.log(topic).leaderEpoch += 1;
  }

  async #snapshot(life: Life): Promise<void> {
    const manifest = await life.snapshot();
    if ((manifest?.chunks ?? 0) > 1) this.#seen['in several chunks'] += 1;
  }

  async #tear(life: Life, record: number): Promise<void> {
    let left = record;
    this.kafka.onSend = () => {
      left -= 1;
      if (left < 0) throw new Error('killed');
    };
    await life.snapshot().catch(() => {
      this.#seen.torn += 1;
    });
    this.kafka.onSend = () => {};
    await this.#die();
  }

  async #die(): Promise<void> {
    this.#life = await Life.begin(this.kafka);
    if (this.#life.fromSnapshot) this.#seen['from snapshots'] += 1;
    if (this.kafka.events.start > 0n) this.#seen['with events deleted'] += 1;
  }

  async #retention(tenths: number): Promise<void> {
    const slots = await readSlots({ read: this.kafka, partitions: [PARTITION], timeoutMs: 1000 });
    const read = slots.get(PARTITION);
    const newest = read === undefined ? undefined : knownSlots(read, []).best?.manifest;
    if (newest === undefined) return;
    const part = (offset: string): bigint => (BigInt(offset) * BigInt(tenths)) / 10n;
    this.kafka.events.deleteBefore(part(newest.events.nextOffset));
    this.kafka.commands.deleteBefore(part(newest.commands.nextOffset));
  }
}

describe('an owner that begins with snapshots', { timeout: 120_000 }, () => {
  test('decides as if it had never died, whatever was deleted, compacted, torn or led by others', async () => {
    const seen: Seen = { 'from snapshots': 0, 'with events deleted': 0, torn: 0, 'in several chunks': 0 };
    const property = fc.asyncProperty(histories, happenings, async (history, steps) => {
      const world = new World(history, seen);
      for (const step of steps) {
        await world.happen(step);
        expect((await world.life()).stopped).toEqual([]);
      }
      const life = await world.life();
      await life.takeAll();
      expect(life.stopped).toEqual([]);
      const decided = world.kafka.events.records.map(({ value }) => value?.toString());
      expect(decided).toEqual(decidedAlone(history));
    });
    await fc.assert(property, { numRuns: 300 });
    // What never happens proves nothing.
    for (const [what, count] of Object.entries(seen)) expect([what, count > 50]).toEqual([what, true]);
  });
});
