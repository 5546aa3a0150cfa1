import { setTimeout as delay } from 'node:timers/promises';
import { API_VERSIONS_V0, askRaw } from './raw.ts';
import type { KafkaTarget } from './target.ts';

const FIRST_PROBE_MS = 500;
/** A slow broker answers in the end, a hung one when it is woken: who is listened to for long is let back in time. */
const LONGEST_PROBE_MS = 4000;
const PROBE_EVERY_MS = 250;
/** After this long an unanswering broker is left to the client's own time-outs again. */
const GIVE_UP_MS = 60_000;
/** A timer that fires this late was held up by this process, and says nothing about anybody else. */
const OWN_LATENESS_MS = 100;

type Heard = 'an answer' | 'nothing' | 'too late to tell';

/**
 * Brokers that hang (a stopped process, a dead disk). kafkajs sends to one broker one request at a time, so a hung
 * leader of eight partitions would cost eight request time-outs in a row, long after leadership moved. A request
 * time-out alone proves nothing (a healthy leader waits for a hung follower), so each one is checked by a probe.
 *
 * Nobody connects to a broker that is taken for hung: on a machine where a TLS handshake takes longer than the probe
 * waits, an error here would shut a whole broker out. So each further probe waits twice as long, and one that this
 * process itself was late for is not counted.
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
    let probeMs = FIRST_PROBE_MS;
    while (!this.#closed && performance.now() < endMs) {
      const heard = await this.#probe(address, probeMs);
      if (heard === 'an answer') return;
      if (heard === 'nothing') {
        if (!this.#hung.has(address)) {
          this.#hung.add(address);
          this.#onHung(address);
        }
        probeMs = Math.min(2 * probeMs, LONGEST_PROBE_MS);
      }
      await delay(PROBE_EVERY_MS, undefined, { ref: false });
    }
  }

  /** TCP alone does not tell: the kernel accepts connections for a process that is stopped. */
  async #probe(address: string, timeoutMs: number): Promise<Heard> {
    const startedMs = performance.now();
    const { bytes } = await askRaw(address, this.#target.tls, API_VERSIONS_V0, timeoutMs);
    if (bytes.length > 0) return 'an answer';
    return performance.now() - startedMs > timeoutMs + OWN_LATENESS_MS ? 'too late to tell' : 'nothing';
  }
}
