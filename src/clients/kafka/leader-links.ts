import { BrokerLink } from './link.ts';
import type { Broker } from './ports.ts';
import type { KafkaTarget } from './target.ts';

/** One link per leader for long polls, which would hold up any other request on the same connection. */
export class LeaderLinks {
  readonly #target: KafkaTarget;
  readonly #addresses = new Map<number, string>();
  readonly #links = new Map<number, BrokerLink>();
  #closed = false;

  constructor(target: KafkaTarget) {
    this.#target = target;
  }

  learn(brokers: readonly Broker[]): void {
    for (const broker of brokers) this.#addresses.set(broker.id, `${broker.host}:${broker.port}`);
  }

  /** The link to this broker's present address. */
  link(leader: number): BrokerLink {
    const address = this.#addresses.get(leader) ?? '';
    const known = this.#links.get(leader);
    if (known?.address === address) return known;
    known?.close();
    const link = new BrokerLink(address, this.#target);
    if (this.#closed) link.close();
    this.#links.set(leader, link);
    return link;
  }

  drop(leader: number): void {
    this.#links.get(leader)?.close();
    this.#links.delete(leader);
  }

  close(): void {
    this.#closed = true;
    for (const link of this.#links.values()) link.close();
  }
}
