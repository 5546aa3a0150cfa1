import type { z } from 'zod';
import type { Bits } from '../../clients/redis/index.ts';
import { type Generation, generationSchema, placeOf, type Shape, sealBit, shardKey } from './filter.ts';

/** The generation that gateways use. */
const CURRENT = 'bloom:current';
/** The one that is being built, so that new ids go there too. */
const BUILDING = 'bloom:building';
/** What is not in use ends so long after it was last written to: its builder may have been killed. */
const DRAFT_LIFE_MS = 3_600_000;

/** The generation in use, or undefined when there is none that can be understood. */
export async function currentGeneration(bits: Bits): Promise<Generation | undefined> {
  return parsed(generationSchema, await bits.read(CURRENT));
}

function parsed<T>(schema: z.ZodType<T>, text: string | undefined): T | undefined {
  try {
    return text === undefined ? undefined : schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Sets the bits of these ids, one command a shard. Answers the run id of each shard's server that was written to. */
async function setIds(
  bits: Bits,
  shape: Shape,
  ids: readonly string[],
  lifeMs?: number,
): Promise<Map<number, string>> {
  const byShard = new Map<number, number[]>();
  for (const id of ids) {
    const place = placeOf(id, shape);
    const all = byShard.get(place.shard) ?? [];
    all.push(...place.bits);
    byShard.set(place.shard, all);
  }
  return setBits(bits, shape, byShard, lifeMs);
}

async function setBits(
  bits: Bits,
  shape: Shape,
  byShard: ReadonlyMap<number, readonly number[]>,
  lifeMs?: number,
): Promise<Map<number, string>> {
  const set = async ([shard, all]: [number, readonly number[]]): Promise<[number, string]> => [
    shard,
    await bits.set(shardKey(shape.generation, shard), all, lifeMs),
  ];
  return new Map(await Promise.all([...byShard].map(set)));
}

/** A generation being written: all of a shard has to go to one and the same server, or it is of no use. */
export class GenerationDraft {
  readonly #bits: Bits;
  readonly #shape: Shape;
  readonly #runIds = new Map<number, string>();

  constructor(bits: Bits, shape: Shape) {
    this.#bits = bits;
    this.#shape = shape;
  }

  /** Says what is being built, again with every page: a build may take longer than a draft lives. */
  async begin(): Promise<void> {
    await this.#bits.write(BUILDING, JSON.stringify(this.#shape), DRAFT_LIFE_MS);
  }

  /** Throws when the primary of a shard is another one than before. */
  async add(ids: readonly string[]): Promise<void> {
    await this.begin();
    this.#same(await setIds(this.#bits, this.#shape, ids, DRAFT_LIFE_MS));
  }

  /** Seals every shard, makes this the generation in use, and drops the one before. */
  async publish(times: Pick<Generation, 'builtAtMs' | 'completeThroughMs'>): Promise<Generation> {
    const shards = Array.from({ length: this.#shape.shards }, (_, shard) => shard);
    const seals = new Map(shards.map((shard) => [shard, [sealBit(this.#shape)]] as const));
    this.#same(await setBits(this.#bits, this.#shape, seals, DRAFT_LIFE_MS));
    const runIds = shards.map((shard) => this.#runIds.get(shard) ?? '');
    const before = await currentGeneration(this.#bits);
    const generation: Generation = { v: 1, ...this.#shape, ...times, runIds };
    // Killed in between, the one in use ends early and another is built; the other way round one would stay for ever.
    if (before !== undefined) await live(this.#bits, before, DRAFT_LIFE_MS);
    await this.#bits.write(CURRENT, JSON.stringify(generation));
    await live(this.#bits, this.#shape, undefined);
    await this.#bits.drop(BUILDING);
    if (before !== undefined) await drop(this.#bits, before);
    return generation;
  }

  /** Takes back what a failed build wrote. */
  async abandon(): Promise<void> {
    await this.#bits.drop(BUILDING);
    await drop(this.#bits, this.#shape);
  }

  #same(runIds: ReadonlyMap<number, string>): void {
    for (const [shard, runId] of runIds) {
      const first = this.#runIds.get(shard) ?? runId;
      if (first !== runId) throw new Error(`the Redis primary of shard ${shard} changed during the build`);
      this.#runIds.set(shard, runId);
    }
  }
}

async function drop(bits: Bits, { generation, shards }: Shape): Promise<void> {
  await Promise.all(Array.from({ length: shards }, (_, shard) => bits.drop(shardKey(generation, shard))));
}

async function live(bits: Bits, { generation, shards }: Shape, lifeMs: number | undefined): Promise<void> {
  const all = Array.from({ length: shards }, (_, shard) => bits.live(shardKey(generation, shard), lifeMs));
  await Promise.all(all);
}

/** Adds new ids to the filter, so that a generation also knows what came after it. */
export interface BloomWriter {
  /**
   * Adds the ids to the generation in use and to the one being built, if any. Adding again is harmless. No answer of a
   * gateway depends on it: ids younger than `completeThroughMs` are always asked for in Postgres. Throws
   * UPL-REDIS-UNREACHABLE; the caller goes on.
   */
  add(ids: readonly string[]): Promise<void>;
}

const shapeSchema = generationSchema.pick({ generation: true, shards: true, bits: true, hashes: true });

export function bloomWriter(bits: Bits): BloomWriter {
  return {
    add: async (ids) => {
      const texts = await Promise.all([bits.read(CURRENT), bits.read(BUILDING)]);
      const shapes = texts.flatMap((text) => {
        const shape = parsed(shapeSchema, text);
        return shape === undefined ? [] : [shape];
      });
      await Promise.all(shapes.map((shape) => setIds(bits, shape, ids, DRAFT_LIFE_MS)));
    },
  };
}
