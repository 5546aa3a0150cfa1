import type { z } from 'zod';
import {
  instantSchema,
  type ReservationList,
  type resourceListQuerySchema,
  type tenantListQuerySchema,
} from '../../contract/http.ts';
import { VIEWS } from '../../contract/projection.ts';
import { decodeCursor, encodeCursor, type Position } from './cursor.ts';
import type { ReadStatement } from './reader.ts';
import { RESERVATION_COLUMNS, type ReservationRow, reservationOf } from './reads.ts';

const USUAL_PAGE = 50;
/** Microseconds, which a Date of JavaScript does not have: two slots in one millisecond have an order too. */
const SLOT_KEY = `to_char(r.slot_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
const isSlotKey = (text: string): boolean => instantSchema.safeParse(text).success;
const isId = (text: string): boolean => /^[0-9a-z-]{1,64}$/.test(text);

export interface ListRow extends ReservationRow {
  readonly slot_key?: string;
}

/** A list of reservations: what to ask for, and what its rows say. */
export interface List {
  readonly statement: ReadStatement;
  readonly answer: (rows: readonly ListRow[]) => ReservationList;
}

type Query = z.infer<typeof tenantListQuerySchema>;

/** Reservations of a tenant by id, which is by the time they were asked for. Undefined: the cursor is not of this list. */
export function tenantList(tenant: string, query: Query): List | undefined {
  const scope = [tenant, 'tenant'];
  const after = positionOf(scope, query.cursor, [isId], ['']);
  if (after === undefined) return undefined;
  const limit = limitOf(query);
  return {
    statement: {
      text: `SELECT ${RESERVATION_COLUMNS} FROM ${VIEWS.reservations} r
        WHERE r.tenant = $1 AND r.reservation_id > $2 ORDER BY r.reservation_id LIMIT $3`,
      values: [tenant, ...after, limit + 1],
      orderBy: 'q.reservation_id',
    },
    answer: (rows) => pageOf(rows, limit, scope, (row) => [row.reservation_id]),
  };
}

/** Reservations of a resource whose slot starts in [from, to), in that order. Undefined: the cursor is not of this list. */
export function resourceList(
  tenant: string,
  resource: string,
  query: z.infer<typeof resourceListQuerySchema>,
): List | undefined {
  const { from = '1970-01-01T00:00:00Z', to = 'infinity' } = query;
  const scope = [tenant, 'resource', resource, from, to];
  const after = positionOf(scope, query.cursor, [isSlotKey, isId], [from, '']);
  if (after === undefined) return undefined;
  const limit = limitOf(query);
  return {
    statement: {
      text: `SELECT ${RESERVATION_COLUMNS}, ${SLOT_KEY} AS slot_key FROM ${VIEWS.reservations} r
        WHERE r.tenant = $1 AND r.resource = $2 AND (r.slot_start, r.reservation_id) > ($3::timestamptz, $4)
          AND r.slot_start < $5::timestamptz
        ORDER BY r.slot_start, r.reservation_id LIMIT $6`,
      values: [tenant, resource, ...after, to, limit + 1],
      orderBy: 'q.slot_start, q.reservation_id',
    },
    answer: (rows) => pageOf(rows, limit, scope, (row) => [row.slot_key ?? '', row.reservation_id]),
  };
}

const limitOf = (query: Query): number => (query.limit === undefined ? USUAL_PAGE : Number(query.limit));

function positionOf(
  scope: readonly string[],
  cursor: string | undefined,
  forms: readonly ((text: string) => boolean)[],
  first: Position,
): Position | undefined {
  if (cursor === undefined) return first;
  const position = decodeCursor(scope, cursor);
  const fits = position?.length === forms.length && forms.every((form, i) => form(position[i] ?? ''));
  return fits ? position : undefined;
}

/** One row more than the page was asked for: it says whether there is another page. */
function pageOf(
  rows: readonly ListRow[],
  limit: number,
  scope: readonly string[],
  keyOf: (row: ListRow) => Position,
): ReservationList {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    reservations: page.map(reservationOf),
    next: rows.length > limit && last !== undefined ? encodeCursor(scope, keyOf(last)) : null,
  };
}
