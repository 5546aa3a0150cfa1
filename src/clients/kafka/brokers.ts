import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@platformatic/kafka';
import { isUpliftError, UpliftError } from '../../core/error.ts';
import { AskAnother, requestFailed } from './answers.ts';
import { unreachable } from './failures.ts';
import { BrokerLink, LinkError } from './link.ts';
import type { Broker } from './ports.ts';
import type { KafkaTarget } from './target.ts';

const ROUNDS = 3;
const PAUSE_MS = 200;
/** A refused login or certificate is final for this long: repeated at once it only locks the user out. */
const REFUSED_MS = 3000;
/** A broker known to be gone is still asked at the end of each round for this many addresses. */
const MAX_KNOWN = 50;

export interface AskOptions {
  readonly timeoutMs: number;
  /** Bound of one try; default: the target's request timeout. */
  readonly tryTimeoutMs?: number;
  /** False: never send it twice, because the first may have worked although its answer was lost. */
  readonly repeatable?: boolean;
}

/** The brokers of one cluster, one link each; a request goes to any that answers, the last good one first. */
export class Brokers {
  readonly target: KafkaTarget;
  readonly #links = new Map<string, BrokerLink>();
  #order: readonly string[];
  #closed = false;
  #refusal: { readonly error: UpliftError; readonly untilMs: number } | undefined;

  constructor(target: KafkaTarget) {
    this.target = target;
    this.#order = [...new Set(target.brokers)];
  }

  /** Brokers that the cluster itself named can be asked too, after the configured ones. */
  learn(brokers: readonly Pick<Broker, 'host' | 'port'>[]): void {
    const named = brokers.map((broker) => `${broker.host}:${broker.port}`);
    this.#order = [...new Set([...this.#order, ...named])].slice(0, MAX_KNOWN);
  }

  /**
   * Asks the brokers in turn until one answers: at most three rounds within `timeoutMs`, else UPL-KAFKA-UNREACHABLE.
   * One that hangs (it accepts connections and says nothing) never takes more than half of the time that is left.
   */
  async any<T>(what: string, options: AskOptions, call: (connection: Connection) => Promise<T>): Promise<T> {
    const startedMs = performance.now();
    this.#throwIfRefused(startedMs);
    const leftMs = (): number => options.timeoutMs - (performance.now() - startedMs);
    const tryMs = options.tryTimeoutMs ?? this.target.requestTimeoutMs;
    let tries = 0;
    let last: unknown;
    for (let round = 0; round < ROUNDS && !this.#closed; round += 1) {
      const order = this.#order;
      for (const [at, address] of order.entries()) {
        if (leftMs() <= 0) break;
        tries += 1;
        const waitMs = Math.min(tryMs, leftMs() * shareOf(options, at === order.length - 1));
        try {
          const answer = await this.link(address).request(call, waitMs);
          this.#prefer(address);
          return answer;
        } catch (error) {
          last = error;
          this.#avoid(address);
          if (!mayAskAnother(error, options)) throw this.#told(what, error);
        }
      }
      if (leftMs() <= PAUSE_MS) break;
      await delay(PAUSE_MS);
    }
    if (last instanceof AskAnother) throw requestFailed(what, last);
    throw unreachable({ addresses: this.target.brokers, tries, tookMs: performance.now() - startedMs, last });
  }

  /** The link to one broker, for requests that only this broker can answer. */
  link(address: string): BrokerLink {
    const known = this.#links.get(address);
    if (known !== undefined) return known;
    const link = new BrokerLink(address, this.target);
    if (this.#closed) link.close();
    this.#links.set(address, link);
    return link;
  }

  /** Calls over all links so far. */
  get requests(): number {
    return [...this.#links.values()].reduce((sum, link) => sum + link.requests, 0);
  }

  close(): void {
    this.#closed = true;
    for (const link of this.#links.values()) link.close();
  }

  #prefer(address: string): void {
    if (this.#order[0] !== address)
      this.#order = [address, ...this.#order.filter((other) => other !== address)];
  }

  #avoid(address: string): void {
    this.#order = [...this.#order.filter((other) => other !== address), address];
  }

  #throwIfRefused(nowMs: number): void {
    if (this.#refusal !== undefined && nowMs < this.#refusal.untilMs) throw this.#refusal.error;
  }

  #told(what: string, error: unknown): UpliftError {
    if (isUpliftError(error, 'UPL-KAFKA-AUTH'))
      this.#refusal = { error, untilMs: performance.now() + REFUSED_MS };
    if (!(error instanceof LinkError)) return requestFailed(what, error);
    const message = `No answer to the request to ${what}; it may have worked all the same.`;
    return new UpliftError('UPL-KAFKA-REQUEST', {
      message,
      next: 'Look at the state of the cluster before you repeat it.',
      cause: error,
    });
  }
}

/** Part of the time left that one broker may take. What must not be sent twice gets all: a lost answer is lost. */
function shareOf(options: AskOptions, isLast: boolean): number {
  return options.repeatable !== false && !isLast ? 0.5 : 1;
}

function mayAskAnother(error: unknown, options: AskOptions): boolean {
  if (error instanceof AskAnother) return true;
  return error instanceof LinkError && (options.repeatable !== false || !error.sent);
}
