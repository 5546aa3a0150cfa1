/**
 * Heap that the fold holds for one live reservation: decisions read from bytes, as a restore does, then applied. Prints
 * JSON. `node --expose-gc bench/service/fold-memory.ts [reservations]`
 */
import { eventIdOf, reservationIdOf, resourceKey } from '../../src/contract/ids.ts';
import type { Decision } from '../../src/contract/records.ts';
import { decodeDecision, encodeDecision } from '../../src/service/domain/codec.ts';
import { advance, apply, emptyState, type FoldState } from '../../src/service/domain/state.ts';

const TENANT = 'acme';
const RESOURCES = 480;
const HOUR_MS = 3_600_000;
const FIRST_SLOT_MS = Date.UTC(2050, 0, 1);
const LOG_TIME_MS = Date.UTC(2026, 0, 1);
/** Event ids are forgotten after ten minutes of log time. */
const FORGOTTEN_MS = 700_000;

function bytes(n: number): Buffer {
  const resource = `room-${n % RESOURCES}`;
  const startMs = FIRST_SLOT_MS + Math.floor(n / RESOURCES) * HOUR_MS;
  const decision: Decision = {
    v: 1,
    decision: 'accepted',
    rulesVersion: 1,
    commandOffset: String(n),
    previousCommandOffset: String(n - 1),
    logTimeMs: LOG_TIME_MS + n,
    command: 'create',
    eventId: eventIdOf(TENANT, String(n)),
    tenant: TENANT,
    reservation: {
      id: reservationIdOf(BigInt(n) << 22n, resourceKey(TENANT, resource)),
      tenant: TENANT,
      resource,
      slot: { start: new Date(startMs).toISOString(), end: new Date(startMs + HOUR_MS).toISOString() },
      quantity: 1,
      status: 'active',
      version: 1,
      holdUntilMs: null,
    },
    reason: null,
    first: null,
    expired: [],
  };
  return encodeDecision(decision);
}

function heapBytes(): number {
  for (let round = 0; round < 4; round += 1) globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

function measure(count: number) {
  if (globalThis.gc === undefined) throw new Error('run it with --expose-gc');
  const state: FoldState = emptyState();
  const before = heapBytes();
  let applyMs = 0;
  for (let n = 0; n < count; n += 1) {
    const value = bytes(n);
    const startedMs = performance.now();
    const decision = decodeDecision(value);
    if (decision !== undefined) apply(state, decision);
    applyMs += performance.now() - startedMs;
  }
  const withFirsts = heapBytes() - before;
  advance(state, LOG_TIME_MS + count + FORGOTTEN_MS);
  const bytesPerReservation = (heapBytes() - before) / count;
  return {
    reservations: state.live.size,
    bytesPerReservation: Math.round(bytesPerReservation),
    bytesPerEventId: Math.round(withFirsts / count - bytesPerReservation),
    decodeAndApplyUs: Number(((applyMs * 1000) / count).toFixed(1)),
  };
}

console.log(JSON.stringify(measure(Number(process.argv[2] ?? 100_000))));
