import type { Produce } from '../../clients/kafka/ports.ts';
import { TOPICS } from '../../contract/records.ts';
import { encodeCommand, tickHeaders } from '../domain/codec.ts';

/** What the ticker has to know of the owner of a partition. */
export interface Ticked {
  readonly phase: string;
  readonly holds: number;
  silentMs(nowMs: number): number;
}

export interface TickerDeps {
  readonly produce: Pick<Produce, 'send'>;
  readonly owners: ReadonlyMap<number, Ticked>;
  readonly tickMs: number;
  /** A tick that fails is no loss: the next one says the same. */
  readonly onFailed: () => void;
}

const TICK = { v: 1, type: 'tick' } as const;

/**
 * Appends a tick to the commands of each partition that was quiet for `tickMs`, or has holds that wait for log time (S8).
 * One outstanding tick per partition, so a partition that takes no writes gathers none.
 */
export class Ticker {
  readonly #deps: TickerDeps;
  readonly #outstanding = new Map<number, Promise<void>>();
  readonly #timer: NodeJS.Timeout;

  constructor(deps: TickerDeps) {
    this.#deps = deps;
    this.#timer = setInterval(() => this.tick(performance.now()), deps.tickMs);
  }

  /** Ticks where it is needed. */
  tick(nowMs: number): void {
    const { owners, tickMs } = this.#deps;
    for (const [partition, owner] of owners) {
      if (owner.phase !== 'deciding' || this.#outstanding.has(partition)) continue;
      // Half: a tick's way through the log must not make every second one be left out.
      if (owner.holds === 0 && owner.silentMs(nowMs) < tickMs / 2) continue;
      this.#outstanding.set(partition, this.#send(partition));
    }
  }

  /** Waits for what is outstanding. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#outstanding.values());
  }

  async #send(partition: number): Promise<void> {
    const { produce, tickMs, onFailed } = this.#deps;
    const record = { key: null, value: encodeCommand(TICK), headers: tickHeaders() };
    try {
      await produce.send(
        { topic: TOPICS.commands, partition, records: [record] },
        { deadlineMs: 2 * tickMs },
      );
    } catch {
      onFailed();
    } finally {
      this.#outstanding.delete(partition);
    }
  }
}
