import type { Read } from '../../src/clients/kafka/ports.ts';
import { VIEWS } from '../../src/contract/projection.ts';
import { type ReservationState, TOPICS } from '../../src/contract/records.ts';
import { reasonOf } from '../../src/core/error.ts';
import { waitFor } from '../../src/core/wait.ts';
import type { NamedServer } from '../../src/drills/reads/gather.ts';
import { readSlices } from '../../src/facts/kafka/slices.ts';
import { readProjected } from '../../src/facts/projection/progress.ts';
import { differences, type ProjectionRows, TopicFold } from './topic-fold.ts';

const READ_MS = 120_000;
const CATCH_UP_MS = 60_000;

/** Follows the events topic from point to point, and compares every server's projection with it. */
export class ProjectionWatch {
  readonly #read: Read;
  readonly #servers: readonly NamedServer[];
  readonly #fold = new TopicFold();
  readonly #next = new Map<number, bigint>();

  constructor(read: Read, servers: readonly NamedServer[]) {
    this.#read = read;
    this.#servers = servers;
  }

  /** Reads on to the end of the topic; answers what is wrong in it, or with a server, as sentences. */
  async compare(timeoutMs: number): Promise<string[]> {
    await this.#readOn(timeoutMs);
    const read = this.#fold.result();
    const before = { reservations: new Map(read.reservations), operations: new Map(read.operations) };
    const found: string[] = [];
    for (const { name, ask } of this.#servers) {
      try {
        await this.#caughtUp(ask, timeoutMs);
        const rows = await rowsOf(ask, timeoutMs);
        await this.#readOn(timeoutMs);
        found.push(...differences({ before, after: this.#fold.result() }, rows, name));
      } catch (error) {
        found.push(`${name}: ${reasonOf(error)}`);
      }
    }
    return [...this.#fold.result().broken, ...found];
  }

  get size(): number {
    return this.#fold.result().operations.size;
  }

  async #readOn(timeoutMs: number): Promise<void> {
    const bounds = await this.#read.bounds([TOPICS.events], { timeoutMs });
    const { unread } = await readSlices({
      read: this.#read,
      slices: bounds.map((bound) => ({
        ...bound,
        fromOffset: this.#next.get(bound.partition) ?? bound.startOffset,
      })),
      add: ({ partition }, record) => {
        this.#fold.add(partition, record);
        this.#next.set(partition, record.offset + 1n);
      },
      limits: { timeoutMs: READ_MS },
    });
    if (unread.length > 0) throw new Error(`${unread.length} partitions were not read to their end`);
  }

  async #caughtUp(ask: NamedServer['ask'], timeoutMs: number): Promise<void> {
    const { decidedThrough } = this.#fold.result();
    const there = async (): Promise<boolean> => {
      const rows = await readProjected(ask, TOPICS.events, timeoutMs);
      return [...decidedThrough].every(([partition, through]) =>
        rows.some((row) => row.partition === partition && row.decidedThrough >= through),
      );
    };
    await waitFor(there, { what: 'the projection at the end of the events', timeoutMs: CATCH_UP_MS });
  }
}

interface ReservationSql {
  readonly tenant: string;
  readonly reservation_id: string;
  readonly slot_start: Date;
  readonly slot_end: Date;
  readonly quantity: number;
  readonly status: ReservationState['status'];
  readonly version: number;
  readonly hold_until: Date | null;
}

async function rowsOf(ask: NamedServer['ask'], timeoutMs: number): Promise<ProjectionRows> {
  const reservations = await ask.query<ReservationSql>(
    `SELECT tenant, reservation_id, slot_start, slot_end, quantity, status, version, hold_until FROM ${VIEWS.reservations}`,
    [],
    { timeoutMs },
  );
  const operations = await ask.query<{ tenant: string; event_id: string; decision: string }>(
    `SELECT tenant, event_id, decision FROM ${VIEWS.operations}`,
    [],
    { timeoutMs },
  );
  return {
    reservations: new Map(
      reservations.rows.map((row) => [
        `${row.tenant}/${row.reservation_id}`,
        {
          id: row.reservation_id,
          tenant: row.tenant,
          slot: { start: row.slot_start.toISOString(), end: row.slot_end.toISOString() },
          quantity: row.quantity,
          status: row.status,
          version: row.version,
          holdUntilMs: row.hold_until?.getTime() ?? null,
        },
      ]),
    ),
    operations: new Map(operations.rows.map((row) => [`${row.tenant}/${row.event_id}`, row.decision])),
  };
}
