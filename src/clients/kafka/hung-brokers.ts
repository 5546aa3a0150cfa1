import { setTimeout as delay } from 'node:timers/promises';
import { API_VERSIONS_V0, askRaw } from './raw.ts';
import type { KafkaTarget } from './target.ts';

const FIRST_PROBE_MS = 500;
/** As long as a connection over TLS may take, and an answer: who is slower cannot be written to anyway. */
const LONGEST_PROBE_MS = 3000;
const PROBE_EVERY_MS = 250;
/** After this long an unanswering broker is left to the client's own time-outs again. */
const GIVE_UP_MS = 60_000;
/** A timer that fires this late was held up by this process, and says nothing about anybody else. */
const OWN_LATENESS_MS = 100;

type Heard = 'an answer' | 'nothing' | 'nothing, early' | 'too late to tell';

/**
 * Brokers that hang (a stopped process, a dead disk). kafkajs sends to one broker one request at a time, so a hung
 * leader of eight partitions would cost eight request time-outs in a row, long after leadership moved. A request
 * time-out alone proves nothing (a healthy leader waits for a hung follower), so each one is checked by a probe.
 *
 * This process opens no connection to a broker that it takes for hung: on a machine where a TLS handshake takes longer
 * than the probe waits, an error here would shut a whole broker out. So each further probe waits twice as long, one that
 * this process itself was late for is not counted, and how long a broker once needed is remembered.
 */
export class HungBrokers {
  readonly #target: KafkaTarget;
  readonly #onHung: (address: string) => void;
  readonly #hung = new Set<string>();
  readonly #probing = new Set<string>();
  /** The wait that was needed for the last answer of those that are slow. */
  readonly #neededMs = new Map<string, number>();
  readonly #closed = new AbortController();

  constructor(target: KafkaTarget, onHung: (address: string) => void) {
    this.#target = target;
    this.#onHung = onHung;
  }

  has(address: string): boolean {
    return this.#hung.has(address);
  }

  /** Whether it is being found out about this broker. */
  isAsking(address: string): boolean {
    return this.#probing.has(address);
  }

  /** A request to this broker timed out: find out whether it still answers anybody. */
  suspect(address: string): void {
    if (this.#closed.signal.aborted || this.#probing.has(address)) return;
    this.#probing.add(address);
    void this.#watch(address).finally(() => {
      this.#probing.delete(address);
      this.#hung.delete(address);
    });
  }

  close(): void {
    this.#closed.abort();
  }

  async #watch(address: string): Promise<void> {
    const { signal } = this.#closed;
    const endMs = performance.now() + GIVE_UP_MS;
    let probeMs = this.#neededMs.get(address) ?? FIRST_PROBE_MS;
    while (!signal.aborted && performance.now() < endMs) {
      const heard = await this.#probe(address, probeMs);
      if (signal.aborted) return;
      if (heard === 'an answer') {
        this.#neededMs.set(address, probeMs);
        return;
      }
      if (heard !== 'too late to tell') this.#cut(address);
      if (heard !== 'nothing, early') probeMs = Math.min(2 * probeMs, LONGEST_PROBE_MS);
      await delay(PROBE_EVERY_MS, undefined, { ref: false });
    }
  }

  #cut(address: string): void {
    if (this.#hung.has(address)) return;
    this.#hung.add(address);
    this.#onHung(address);
  }

  /** TCP alone does not tell: the kernel accepts connections for a process that is stopped. */
  async #probe(address: string, timeoutMs: number): Promise<Heard> {
    const startedMs = performance.now();
    const { signal } = this.#closed;
    const { bytes } = await askRaw(address, this.#target.tls, API_VERSIONS_V0, timeoutMs, signal);
    if (bytes.length > 0) return 'an answer';
    const tookMs = performance.now() - startedMs;
    // Refused: a broker that is not there, which says nothing about how long it takes when it is.
    if (tookMs < timeoutMs) return 'nothing, early';
    // The longest wait counts in any case: a process that is always late must find those that hang, too.
    const ownFault = timeoutMs < LONGEST_PROBE_MS && tookMs > timeoutMs + OWN_LATENESS_MS;
    return ownFault ? 'too late to tell' : 'nothing';
  }
}
