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

/** What is wrong, as sentences. */
export interface Compared {
  /** What stands in the log and may not: a gap in the chain, two decisions of one command. New since the last look. */
  readonly broken: readonly string[];
  /** How the projections of the servers differ from the fold of the topic. */
  readonly differs: readonly string[];
}

/** Follows the events topic from point to point, and compares every server's projection with it. */
export class ProjectionWatch {
  readonly #read: Read;
  readonly #servers: readonly NamedServer[];
  readonly #fold = new TopicFold();
  readonly #next = new Map<number, bigint>();
  #told = 0;

  constructor(read: Read, servers: readonly NamedServer[]) {
    this.#read = read;
    this.#servers = servers;
  }

  /**
   * Reads on to the end of the topic, then what each server has, then on again: holds go on ending meanwhile, and a row
   * may be as the events left it at either reading.
   */
  async compare(timeoutMs: number): Promise<Compared> {
    await this.#readOn(timeoutMs);
    const read = this.#fold.result();
    const before = { reservations: new Map(read.reservations), operations: new Map(read.operations) };
    const looks = await Promise.all(
      this.#servers.map(async ({ name, ask }) => {
        try {
          await this.#caughtUp(ask, timeoutMs);
          return { name, rows: await rowsOf(ask, timeoutMs) };
        } catch (error) {
          return { name, reason: reasonOf(error) };
        }
      }),
    );
    await this.#readOn(timeoutMs);
    const after = this.#fold.result();
    const differs = looks.flatMap(({ name, rows, reason }) =>
      rows === undefined ? [`${name}: ${reason}`] : differences({ before, after }, rows, name),
    );
    const broken = after.broken.slice(this.#told);
    this.#told = after.broken.length;
    return { broken, differs };
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
  readonly resource: string;
  readonly slot_start: Date;
  readonly slot_end: Date;
  readonly quantity: number;
  readonly status: ReservationState['status'];
  readonly version: number;
  readonly hold_until: Date | null;
}

async function rowsOf(ask: NamedServer['ask'], timeoutMs: number): Promise<ProjectionRows> {
  const reservations = await ask.query<ReservationSql>(
    `SELECT tenant, reservation_id, resource, slot_start, slot_end, quantity, status, version, hold_until FROM ${VIEWS.reservations}`,
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
          resource: row.resource,
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
