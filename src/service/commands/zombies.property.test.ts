import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TOPICS } from '../../contract/records.ts';
import { decodeDecision } from '../domain/codec.ts';
import { decidedAlone, recordOf } from '../domain/testing/deciding.ts';
import { histories } from '../domain/testing/histories.ts';
import type { NaiveRecord } from '../domain/testing/naive.ts';
import { Life } from './testing/life.ts';
import { MemoryKafka } from './testing/memory-kafka.ts';

const PARTITION = 3;
/** Owners of one partition that know nothing of each other; a process that hung for long is one. */
const OWNERS = 3;

const steps = fc.array(
  fc.record({
    owner: fc.nat({ max: OWNERS - 1 }),
    what: fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 1, max: 12 }) },
      { weight: 4, arbitrary: fc.constant('tails' as const) },
      { weight: 2, arbitrary: fc.constant('snapshot' as const) },
      { weight: 2, arbitrary: fc.constant('begins anew' as const) },
      { weight: 1, arbitrary: fc.constant('new leaders' as const) },
    ),
  }),
  { maxLength: 60, size: 'max' },
);

/** A partition with several owners at work. */
class World {
  readonly kafka = new MemoryKafka(PARTITION);
  readonly lives = new Map<number, Life>();

  constructor(history: readonly NaiveRecord[]) {
    for (const record of history) {
      const value = { key: null, value: recordOf(record).value, headers: [] };
      this.kafka.commands.append(value, record.timestampMs, BigInt(record.offset));
    }
  }

  async life(owner: number): Promise<Life> {
    const life = this.lives.get(owner) ?? (await Life.begin(this.kafka));
    this.lives.set(owner, life);
    return life;
  }

  async happen(owner: number, what: number | string): Promise<void> {
    if (what === 'begins anew') this.lives.delete(owner);
    const life = await this.life(owner);
    if (typeof what === 'number') await life.take(what);
    else if (what === 'tails') life.tail();
    else if (what === 'snapshot') await life.snapshot();
    else if (what === 'new leaders')
      for (const topic of Object.values(TOPICS)) this.kafka.log(topic).leaderEpoch += 1;
  }
}

/** The decisions in the log without those that only stand there again; every copy has to be the same. */
function firstsOf({ events }: MemoryKafka): string[] {
  const firsts = new Map<string, string>();
  for (const { value } of events.records) {
    const offset = decodeDecision(value)?.commandOffset ?? 'no decision';
    const text = value?.toString() ?? '';
    expect(firsts.get(offset) ?? text).toBe(text);
    firsts.set(offset, text);
  }
  return [...firsts.values()];
}

describe('owners of one partition that are at work at once', { timeout: 120_000 }, () => {
  test('write one chain of decisions between them, each command decided one way, and none is stopped', async () => {
    const seen = { 'decided again': 0, 'from a snapshot': 0 };
    const property = fc.asyncProperty(histories, steps, async (history, all) => {
      const world = new World(history);
      for (const { owner, what } of all) await world.happen(owner, what);
      await world.life(0);
      for (const life of world.lives.values()) {
        await life.takeAll();
        if (life.fromSnapshot) seen['from a snapshot'] += 1;
      }
      for (const life of world.lives.values()) {
        life.tail();
        expect(life.stopped).toEqual([]);
      }
      const firsts = firstsOf(world.kafka);
      seen['decided again'] += world.kafka.events.records.length - firsts.length;
      expect(firsts).toEqual(decidedAlone(history));
    });
    await fc.assert(property, { numRuns: 300 });
    // What never happens proves nothing.
    for (const [what, count] of Object.entries(seen)) expect([what, count > 50]).toEqual([what, true]);
  });
});
