import { openSql } from '../../src/clients/postgres/index.ts';
import type { OperationRow, ReservationRow } from '../../src/service/projector/rows.ts';
import { writeOperations, writeReservations } from '../../src/service/projector/store-rows.ts';
import type { Platform } from './platform.ts';

const HOUR_MS = 3_600_000;
const FIRST_SLOT_MS = Date.UTC(2050, 0, 1);

export interface StatementResult {
  readonly rows: number;
  readonly seconds: number;
}

interface Batch {
  readonly operations: readonly OperationRow[];
  readonly reservations: readonly ReservationRow[];
}

function batch(tenant: string, from: number, size: number): Batch {
  const numbers = Array.from({ length: size }, (_, at) => from + at);
  const operations = numbers.map(
    (n): OperationRow => ({
      tenant,
      eventId: n.toString(16).padStart(32, '0'),
      decision: 'accepted',
      reservationId: `${n.toString(32).padStart(13, '0')}-0badcafe`,
      reason: null,
      partition: n % 24,
      commandOffset: BigInt(n),
      eventOffset: BigInt(n),
      repeats: 0,
      isFirst: true,
    }),
  );
  const reservations = operations.map(
    ({ eventId, reservationId, partition, commandOffset }, at): ReservationRow => {
      const startMs = FIRST_SLOT_MS + Math.floor((from + at) / 960) * HOUR_MS;
      return {
        reservation: {
          id: reservationId ?? '',
          tenant,
          resource: `hall-${(from + at) % 960}`,
          slot: { start: new Date(startMs).toISOString(), end: new Date(startMs + HOUR_MS).toISOString() },
          quantity: 1,
          status: 'active',
          version: 1,
          holdUntilMs: null,
        },
        before: 0,
        eventId,
        partition,
        commandOffset,
        changedOffset: commandOffset,
      };
    },
  );
  return { operations, reservations };
}

/**
 * The projector's two statements alone, one transaction after the other over one connection of the pooler, rows ready in
 * memory: what Postgres can take when nothing has to be read, folded, or compared. Each `run` goes on for at least `ms`.
 */
export function openStatement(platform: Platform, tenant: string) {
  const sql = openSql({ ...platform.pooled, maxConnections: 1 });
  let from = 0;
  return {
    async run(perTransaction: number, ms: number): Promise<StatementResult> {
      let rows = 0;
      let tookMs = 0;
      while (tookMs < ms) {
        const { operations, reservations } = batch(tenant, from, perTransaction);
        from += perTransaction;
        const startedMs = performance.now();
        const end = await sql.transaction(async (tx) => {
          await writeOperations(tx, operations);
          await writeReservations(tx, reservations);
        });
        if (end.state !== 'committed') throw new Error(`COMMIT ${end.state}: ${end.reason}`);
        tookMs += performance.now() - startedMs;
        rows += perTransaction;
      }
      return { rows, seconds: tookMs / 1000 };
    },
    close: () => sql.close(),
  };
}
