import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Look } from '../../clients/redis/index.ts';
import { snowflakeOf } from '../../contract/ids.ts';
import { snowflakeMs } from '../domain/snowflake.ts';

/**
 * A Bloom filter of reservation ids as values. It lies in several keys (shards), each on one primary of Redis. A *no* of
 * the filter is an answer only where nothing can be missing from it; every other *no* is "ask Postgres".
 */
export const generationSchema = z.object({
  v: z.literal(1),
  /** Names the keys; a build never writes to the keys of another. */
  generation: z.string(),
  shards: z.int().min(1),
  /** Of each shard; the bit behind them seals the shard. */
  bits: z
    .int()
    .min(64)
    .max(2 ** 32 - 2),
  hashes: z.int().min(1).max(32),
  /** By the clock of the database, before anything was read. */
  builtAtMs: z.number(),
  /** Every id of an earlier time (epoch ms) that is or will ever be in the projection is in the filter. */
  completeThroughMs: z.number(),
  /** By shard, the run id of the primary that took every bit of it. */
  runIds: z.array(z.string()),
});
export type Generation = z.infer<typeof generationSchema>;

/** What places ids; the rest of a generation is known only when it is built. */
export type Shape = Pick<Generation, 'generation' | 'shards' | 'bits' | 'hashes'>;

const SHARDS = 16;
const MIN_BITS_PER_SHARD = 8192;
const MAX_BITS_PER_SHARD = 2 ** 32 - 2;

/** Size for so many ids at this share of false *maybes*; more ids make more of them, never a false *no*. */
export function shapeFor(generation: string, ids: number, falseShare = 0.01, shards = SHARDS): Shape {
  const bitsPerId = -Math.log(falseShare) / Math.LN2 ** 2;
  // Shards fill unevenly: some more room, so that the fullest keeps to the share too.
  const perShard = Math.ceil((ids / shards) * 1.05 + 3 * Math.sqrt(ids / shards));
  const bits = Math.min(MAX_BITS_PER_SHARD, Math.max(MIN_BITS_PER_SHARD, Math.ceil(perShard * bitsPerId)));
  return { generation, shards, bits, hashes: Math.max(1, Math.round(bitsPerId * Math.LN2)) };
}

export interface Place {
  readonly shard: number;
  readonly bits: readonly number[];
}

/** Where an id is in the filter: double hashing over SHA-256, seeded by the generation. */
export function placeOf(id: string, { generation, shards, bits, hashes }: Shape): Place {
  const digest = createHash('sha256').update(generation).update('\0').update(id).digest();
  const first = digest.readUInt32BE(0);
  const step = (digest.readUInt32BE(4) | 1) >>> 0;
  return {
    shard: digest.readUInt32BE(8) % shards,
    bits: Array.from({ length: hashes }, (_, i) => (first + i * step) % bits),
  };
}

/** Key of a shard; its number is the hash tag, so shards lie in different slots. */
export const shardKey = (generation: string, shard: number): string => `bloom:${generation}:{${shard}}`;

/** The bit that is set last, after everything else of the shard. */
export const sealBit = (shape: Pick<Shape, 'bits'>): number => shape.bits;

/** Is the id old enough that a *no* could count? Ids that are not ours, and those of the future, never are. */
export function mayCount(id: string, { completeThroughMs }: Pick<Generation, 'completeThroughMs'>): boolean {
  const snowflake = snowflakeOf(id);
  return snowflake !== undefined && snowflakeMs(snowflake) < completeThroughMs;
}

/** Does this look say for certain that the id does not exist? */
export function certainlyAbsent(id: string, generation: Generation, shard: number, look: Look): boolean {
  return !look.all && look.sealed && look.runId === generation.runIds[shard] && mayCount(id, generation);
}

/** Up to which age ids may still come into the projection, although everything sent by now is in it. */
export interface LateIds {
  /** An id is kept with its idempotency key and sent again under it. */
  readonly idempotencyTtlMs: number;
  /** A command is accepted up to so long after it was issued; the sweeper ends before twice that. */
  readonly commandWindowMs: number;
}

const CLOCK_DIFFERENCE_MS = 60_000;

/**
 * Ids of before this time are all in a projection that has applied every command sent before `builtAtMs`. Later ones may
 * be on their way, or come again under an old key.
 */
export function completeThrough(builtAtMs: number, late: LateIds): number {
  return builtAtMs - late.idempotencyTtlMs - 2 * late.commandWindowMs - CLOCK_DIFFERENCE_MS;
}
