import { setTimeout as delay } from 'node:timers/promises';
import { API_VERSIONS_V0, askRaw } from './raw.ts';
import type { KafkaTarget } from './target.ts';

/**
 * Does this broker answer at all? TCP alone does not tell: the kernel accepts connections for a process that is
 * stopped. True when an answer came within `timeoutMs`; never throws.
 */
async function answers(target: KafkaTarget, address: string, timeoutMs: number): Promise<boolean> {
  return (await askRaw(address, target.tls, API_VERSIONS_V0, timeoutMs)).bytes.length > 0;
}

const PROBE_TIMEOUT_MS = 500;
const PROBE_EVERY_MS = 250;
/** After this long an unanswering broker is left to the client's own time-outs again. */
const GIVE_UP_MS = 60_000;

/**
 * Brokers that hang (a stopped process, a dead disk). kafkajs sends to one broker one request at a time, so a hung
 * leader of eight partitions would cost eight request time-outs in a row, long after leadership moved. A request
 * time-out alone proves nothing (a healthy leader waits for a hung follower), so each one is checked by a probe.
 */
export class HungBrokers {
  readonly #target: KafkaTarget;
  readonly #onHung: (address: string) => void;
  readonly #hung = new Set<string>();
  readonly #probing = new Set<string>();
  #closed = false;

  constructor(target: KafkaTarget, onHung: (address: string) => void) {
    this.#target = target;
    this.#onHung = onHung;
  }

  has(address: string): boolean {
    return this.#hung.has(address);
  }

  /** A request to this broker timed out: find out whether it still answers anybody. */
  suspect(address: string): void {
    if (this.#closed || this.#probing.has(address)) return;
    this.#probing.add(address);
    void this.#watch(address).finally(() => {
      this.#probing.delete(address);
      this.#hung.delete(address);
    });
  }

  close(): void {
    this.#closed = true;
  }

  async #watch(address: string): Promise<void> {
    const endMs = performance.now() + GIVE_UP_MS;
    while (!this.#closed && performance.now() < endMs) {
      if (await answers(this.#target, address, PROBE_TIMEOUT_MS)) return;
      if (!this.#hung.has(address)) {
        this.#hung.add(address);
        this.#onHung(address);
      }
      await delay(PROBE_EVERY_MS, undefined, { ref: false });
    }
  }
}
