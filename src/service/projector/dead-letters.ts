import type { PartitionBatch, Produce } from '../../clients/kafka/ports.ts';
import { deadLetterHeaders, dlqOf, originKey } from '../../contract/dead-letter.ts';
import { isUpliftError, reasonOf } from '../../core/error.ts';
import type { Letter } from './fold.ts';

export interface DeadLetterDeps {
  readonly produce: Pick<Produce, 'send'>;
  /** Who puts aside, for the header. */
  readonly instance: string;
  readonly nowMs: () => number;
  readonly onParked: (code: string) => void;
}

const SEND_DEADLINE_MS = 10_000;
const MAX_PER_SEND = 200;

/**
 * Writes dead letters, each acknowledged by all in-sync replicas before the offset of its event may move (S11). A batch
 * that is written again after a rollback does not write its letters again in the same process; after a crash a letter
 * can stand twice in the log, under one identity.
 */
export class DeadLetterBox {
  readonly #deps: DeadLetterDeps;
  /** Written, but the transaction that moves past them has not committed yet. */
  readonly #written = new Set<string>();
  /** Why letters cannot be written at the moment. */
  reason: string | undefined;

  constructor(deps: DeadLetterDeps) {
    this.#deps = deps;
  }

  /**
   * Resolves when every letter is acknowledged; answers the partitions whose letter Kafka refused as such (too large,
   * headers it cannot carry): asking again would not help. Throws when Kafka did not take them in time: try again.
   */
  async park(letters: readonly Letter[]): Promise<ReadonlyMap<number, string>> {
    const refused = new Map<number, string>();
    const missing = letters.filter((letter) => !this.#written.has(keyOf(letter)));
    for (const own of Map.groupBy(missing, ({ failure }) => topicAndPartition(failure.origin)).values()) {
      for (let at = 0; at < own.length; at += MAX_PER_SEND) {
        const some = own.slice(at, at + MAX_PER_SEND);
        const reason = await this.#send(some);
        const [first] = some;
        if (reason === undefined || first === undefined) continue;
        refused.set(first.partition, reason);
        break;
      }
    }
    this.reason = undefined;
    return refused;
  }

  /** The transaction that moves past these letters has committed. */
  settled(letters: readonly Letter[]): void {
    for (const letter of letters) this.#written.delete(keyOf(letter));
  }

  /** Undefined when acknowledged, else why Kafka will never take them. */
  async #send(letters: readonly Letter[]): Promise<string | undefined> {
    try {
      await this.#deps.produce.send(this.#batchOf(letters), { deadlineMs: SEND_DEADLINE_MS });
    } catch (error) {
      const reason = `its dead letter cannot be written: ${reasonOf(error)}`;
      if (isUpliftError(error, 'UPL-KAFKA-HEADERS') || isUpliftError(error, 'UPL-KAFKA-REQUEST'))
        return reason;
      this.reason = reason;
      throw error;
    }
    for (const letter of letters) {
      this.#written.add(keyOf(letter));
      this.#deps.onParked(letter.failure.errorCode);
    }
    return undefined;
  }

  #batchOf(letters: readonly Letter[]): PartitionBatch {
    const { instance, nowMs } = this.#deps;
    const [first] = letters;
    if (first === undefined) throw new RangeError('no letters');
    const { topic, partition } = first.failure.origin;
    const records = letters.map(({ record: { key, value, headers }, failure }) => {
      const letter = { ...failure, failedBy: instance, failedAtMs: nowMs() };
      return { key, value, headers: deadLetterHeaders(headers, letter) };
    });
    return { topic: dlqOf(topic), partition, records };
  }
}

const topicAndPartition = ({ topic, partition }: { topic: string; partition: number }): string =>
  `${topic}/${partition}`;

const keyOf = ({ failure }: Letter): string => `${originKey(failure.origin)}#${failure.attempt}`;
