import type { Bits } from '../../clients/redis/index.ts';
import { withDeadline } from '../../core/wait.ts';
import { Optional } from '../runtime/optional.ts';
import { certainlyAbsent, type Generation, mayCount, placeOf, sealBit, shardKey } from './filter.ts';

/** `absent`: Postgres need not be asked. Everything else is why it has to be. */
export type BloomOutcome = 'absent' | 'maybe' | 'young' | 'notCounted' | 'noFilter' | 'redisAway';

/** A look must not slow a read down by much: a Redis that takes longer is not asked. */
const LOOK_TIMEOUT_MS = 250;

/** Answers reads of reservation ids that do not exist, where a filter can say so for certain. */
export class UnknownIds {
  readonly #bits: Bits;
  readonly #lookTimeoutMs: number;
  readonly #redis = new Optional();
  readonly #onOutcome: (outcome: BloomOutcome) => void;
  #generation: Generation | undefined;
  #unusable = false;

  constructor(bits: Bits, onOutcome: (outcome: BloomOutcome) => void, lookTimeoutMs = LOOK_TIMEOUT_MS) {
    this.#bits = bits;
    this.#lookTimeoutMs = lookTimeoutMs;
    this.#onOutcome = onOutcome;
  }

  /** The generation to look into from now on. Any that was ever published stays true; it only knows less. */
  use(generation: Generation | undefined): void {
    if (generation?.generation === this.#generation?.generation) return;
    this.#generation = generation;
    this.#unusable = false;
  }

  get generation(): Generation | undefined {
    return this.#generation;
  }

  /** A *no* was met that did not count because of the server or the shard: a new generation would help. */
  get unusable(): boolean {
    return this.#unusable;
  }

  /** True only if the id is certainly not in the projection and never will be. Never throws. */
  async certainlyAbsent(id: string): Promise<boolean> {
    const outcome = await this.#look(id);
    this.#onOutcome(outcome);
    return outcome === 'absent';
  }

  async #look(id: string): Promise<BloomOutcome> {
    const generation = this.#generation;
    if (generation === undefined) return 'noFilter';
    if (!mayCount(id, generation)) return 'young';
    const { shard, bits } = placeOf(id, generation);
    const key = shardKey(generation.generation, shard);
    const look = await this.#redis.ask(() =>
      withDeadline('Redis', this.#lookTimeoutMs, this.#bits.look(key, bits, sealBit(generation))),
    );
    if (look === undefined) return 'redisAway';
    if (look.all) return 'maybe';
    if (certainlyAbsent(id, generation, shard, look)) return 'absent';
    this.#unusable = true;
    return 'notCounted';
  }
}
