import { pino } from 'pino';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Bits, Claims } from '../../clients/redis/index.ts';
import { reservationIdOf } from '../../contract/ids.ts';
import { type Generation, shapeFor, shardKey } from './filter.ts';
import { bloomWriter, currentGeneration, GenerationDraft } from './generations.ts';
import { BloomKeeper } from './keeper.ts';
import { type BloomOutcome, UnknownIds } from './unknown-ids.ts';

const AT = Date.UTC(2026, 5, 1);
const OLD = reservationIdOf(1n << 22n, 'acme/room');

/** One Redis in memory, with claims that end by the test's clock, and gateways around it. */
function world() {
  const control = { nowMs: AT, away: false, runId: 'run-1', buildError: undefined as Error | undefined };
  const texts = new Map<string, string>();
  const sets = new Map<string, Set<number>>();
  /** When keys end that do. */
  const ends = new Map<string, number>();
  const claimed = new Map<string, number>();
  const answer = <T>(value: () => T): T => {
    if (control.away) throw new Error('Redis is away');
    return value();
  };
  const bits: Bits = {
    set: async (key, all, lifeMs) =>
      answer(() => {
        if (lifeMs !== undefined && (!sets.has(key) || ends.has(key))) ends.set(key, control.nowMs + lifeMs);
        sets.set(key, new Set([...(sets.get(key) ?? []), ...all]));
        return control.runId;
      }),
    look: async (key, all, seal) =>
      answer(() => {
        const have = sets.get(key) ?? new Set();
        if (all.every((bit) => have.has(bit))) return { all: true };
        return { all: false, sealed: have.has(seal), runId: control.runId };
      }),
    read: async (key) => answer(() => texts.get(key)),
    write: async (key, text, lifeMs) =>
      answer(() => {
        texts.set(key, text);
        ends.delete(key);
        if (lifeMs !== undefined) ends.set(key, control.nowMs + lifeMs);
      }),
    live: async (key, lifeMs) =>
      answer(() => void (lifeMs === undefined ? ends.delete(key) : ends.set(key, control.nowMs + lifeMs))),
    drop: async (key) => answer(() => void (texts.delete(key) || sets.delete(key))),
    close: async () => undefined,
  };
  const claims: Pick<Claims, 'claim' | 'put'> = {
    claim: async (key, value, ttlMs) => {
      if ((claimed.get(key) ?? 0) > control.nowMs) return { claimed: false, value };
      claimed.set(key, control.nowMs + ttlMs);
      return { claimed: true };
    },
    put: async (key, _value, ttlMs) => void claimed.set(key, control.nowMs + ttlMs),
  };
  let builds = 0;
  const build = async (): Promise<Generation> => {
    builds += 1;
    if (control.buildError !== undefined) throw control.buildError;
    const draft = new GenerationDraft(bits, shapeFor(`g${builds}`, 100));
    await draft.begin();
    await draft.add([reservationIdOf(2n << 22n, 'acme/room')]);
    return draft.publish({ builtAtMs: control.nowMs, completeThroughMs: control.nowMs - 1000 });
  };
  const gateway = () => {
    const seen: BloomOutcome[] = [];
    const unknownIds = new UnknownIds(bits, (outcome) => seen.push(outcome));
    const options = {
      bits,
      claims,
      unknownIds,
      build,
      instance: 'g',
      rebuildMs: 3_600_000,
      nowMs: () => control.nowMs,
      log: pino({ level: 'silent' }),
    };
    const keeper = new BloomKeeper(options);
    const ask = async (): Promise<BloomOutcome | undefined> => {
      await unknownIds.certainlyAbsent(OLD);
      return seen.at(-1);
    };
    return { keeper, options, unknownIds, ask };
  };
  const staying = () => [...texts.keys(), ...sets.keys()].filter((key) => !ends.has(key));
  return { control, bits, gateway, staying, builds: () => builds };
}

describe('the generations that gateways use', () => {
  let w: ReturnType<typeof world>;
  beforeEach(() => {
    w = world();
  });

  test('are built by one gateway and used by all', async () => {
    const all = [w.gateway(), w.gateway(), w.gateway()];
    expect(await all[0]?.ask()).toBe('noFilter');
    await Promise.all(all.map(({ keeper }) => keeper.tick()));
    await Promise.all(all.map(({ keeper }) => keeper.tick()));
    expect(w.builds()).toBe(1);
    for (const { ask } of all) expect(await ask()).toBe('absent');
  });

  test('are built again when they are old, and by nobody twice', async () => {
    const all = [w.gateway(), w.gateway()];
    for (const { keeper } of all) await keeper.tick();
    w.control.nowMs += 3_600_001;
    await Promise.all(all.map(({ keeper }) => keeper.tick()));
    for (const { keeper } of all) await keeper.tick();
    expect(w.builds()).toBe(2);
    expect((await currentGeneration(w.bits))?.generation).toBe('g2');
  });

  test('are built again once a primary is another one, and answer nothing until then', async () => {
    const { keeper, ask, unknownIds } = w.gateway();
    await keeper.tick();
    w.control.runId = 'run-2';
    await keeper.tick();
    expect(w.builds()).toBe(1);
    expect(await ask()).toBe('notCounted');
    expect(unknownIds.unusable).toBe(true);
    await keeper.tick();
    expect(w.builds()).toBe(2);
    expect(await ask()).toBe('absent');
  });

  test('stay as they are when a build fails, which is tried again after a minute', async () => {
    const { keeper, ask } = w.gateway();
    await keeper.tick();
    w.control.nowMs += 3_600_001;
    w.control.buildError = new Error('a dead letter waits');
    await keeper.tick();
    await keeper.tick();
    expect(w.builds()).toBe(2);
    expect(await ask()).toBe('absent');
    w.control.nowMs += 60_000;
    w.control.buildError = undefined;
    await keeper.tick();
    expect(w.builds()).toBe(3);
  });

  test('are looked up once before a gateway says so, also when Redis is away', async () => {
    const { keeper } = w.gateway();
    expect(keeper.hasLooked).toBe(false);
    await keeper.tick();
    expect(keeper.hasLooked).toBe(true);
    w.control.away = true;
    const { keeper: other } = w.gateway();
    await other.tick();
    expect(other.hasLooked).toBe(true);
  });

  test('are not waited for when the gateway ends in the middle of a long statement', async () => {
    const never = new BloomKeeper({ ...w.gateway().options, build: () => new Promise(() => undefined) });
    never.start();
    const startedMs = performance.now();
    await never.stop();
    expect(performance.now() - startedMs).toBeLessThan(3000);
  });

  test('are not asked while Redis is away, nor for a second after', async () => {
    const { keeper, ask } = w.gateway();
    await keeper.tick();
    w.control.away = true;
    expect(await ask()).toBe('redisAway');
    w.control.away = false;
    expect(await ask()).toBe('redisAway');
  });
});

test('of all that builders leave only the generation in use stays for ever', async () => {
  const w = world();
  const [used, killed] = [shapeFor('used', 100), shapeFor('killed', 100)];
  const times = { builtAtMs: AT, completeThroughMs: AT - 1000 };
  for (const shape of [used, killed]) {
    const draft = new GenerationDraft(w.bits, shape);
    await draft.begin();
    await draft.add([OLD]);
    expect(w.staying().filter((key) => key.includes(shape.generation))).toEqual([]);
    if (shape === used) await draft.publish(times);
  }
  // Who brings new ids keeps nothing alive that is nobody's.
  await bloomWriter(w.bits).add([reservationIdOf(3n << 22n, 'acme/room')]);
  const shards = Array.from({ length: used.shards }, (_, shard) => shardKey('used', shard));
  expect(w.staying().sort()).toEqual(['bloom:current', ...shards].sort());
});

test('a draft of which a shard went to another server in between is never published', async () => {
  const { bits, control } = world();
  const draft = new GenerationDraft(bits, shapeFor('g', 100));
  await draft.begin();
  await draft.add([OLD]);
  control.runId = 'run-2';
  await expect(draft.publish({ builtAtMs: 0, completeThroughMs: 0 })).rejects.toThrow(
    'changed during the build',
  );
  expect(await currentGeneration(bits)).toBeUndefined();
});
