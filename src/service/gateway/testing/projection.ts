import type { SqlValue } from '../../../clients/postgres/index.ts';

export interface FakeDecision {
  readonly decision: string;
  readonly reason?: string;
}

export const SOME_RESERVATION_ID = '0000000000001-12345678';

/** Rows as Postgres would answer them to the statements of the gateway, for the tenant that a statement names. */
export function rowsFor(
  text: string,
  values: readonly SqlValue[],
  decided: (operationId: string) => FakeDecision | undefined,
): object[] {
  if (text.includes('unnest')) {
    const [tenants, ids] = values as readonly (readonly string[])[];
    return (ids ?? []).flatMap((id, i) => operation(id, tenants?.[i] ?? '', decided(id)));
  }
  const positioned = text.includes('decided_through') ? { decided_through: 10n, is_row: true } : {};
  const tenant = String(values[0]);
  const rows = text.includes('uplift_operations')
    ? operation(String(values[1]), tenant, decided(String(values[1])))
    : text.includes('LIMIT')
      ? [1, 2].map((n) => reservation(tenant, `000000000000${n}-12345678`))
      : [reservation(tenant, String(values[1]))];
  return rows.map((row) => ({ ...row, ...positioned }));
}

function operation(id: string, tenant: string, decided: FakeDecision | undefined): object[] {
  if (decided === undefined) return [];
  const isAccepted = decided.decision === 'accepted';
  return [
    {
      asked_by: tenant,
      event_id: id,
      decision: decided.decision,
      concerns: isAccepted ? SOME_RESERVATION_ID : null,
      reason: decided.reason ?? null,
      command_partition: 1,
      command_offset: 9n,
      ...(isAccepted ? reservation(tenant, SOME_RESERVATION_ID) : { reservation_id: null }),
    },
  ];
}

const reservation = (tenant: string, id: string) => ({
  reservation_id: id,
  tenant,
  resource: 'room-1',
  slot_start: new Date('2026-06-01T10:00:00Z'),
  slot_end: new Date('2026-06-01T11:00:00Z'),
  quantity: 2,
  status: 'active',
  hold_until: null,
  version: 1,
  made_by: 'a'.repeat(32),
  slot_key: '2026-06-01T10:00:00.000000Z',
});
