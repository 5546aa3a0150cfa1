import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { changeReservationSchema, createReservationSchema } from '../../contract/http.ts';
import { isOfKey, partitionOf, partitionOfReservation, resourceKey } from '../../contract/ids.ts';
import type { Slot, TenantCommand } from '../../contract/records.ts';
import { encodeCommand } from '../domain/codec.ts';
import type { ProblemKind } from './problems.ts';
import type { CommandPlan, CommandStamp } from './write.ts';

/** What a tenant can do to a reservation. */
export type Verb = TenantCommand['type'];

/** A request that asks for a command, as far as it decides what the command says. */
export interface VerbRequest {
  readonly verb: Verb;
  readonly tenant: string;
  /** In the path; empty for a create. */
  readonly id: string;
  readonly body: unknown;
}

export interface PlanSettings {
  readonly partitions: number;
  /** Of a hold that does not say how long. */
  readonly holdMs: number;
}

export type Planned =
  | { readonly kind: 'plan'; readonly plan: CommandPlan }
  | { readonly kind: 'refused'; readonly problem: ProblemKind; readonly detail?: string };

/** The command that a request asks for, or why it asks for none. Pure. */
export function planOf(request: VerbRequest, settings: PlanSettings): Planned {
  switch (request.verb) {
    case 'create':
      return planCreate(request, settings);
    case 'change':
      return planChange(request, settings);
    default:
      return planPlain(request, request.verb, settings);
  }
}

function planCreate({ tenant, body }: VerbRequest, { partitions, holdMs }: PlanSettings): Planned {
  const parsed = createReservationSchema.safeParse(body);
  if (!parsed.success) return invalid(parsed.error);
  const { resource, slot, quantity, hold, holdSeconds } = parsed.data;
  const key = resourceKey(tenant, resource);
  const held = holdSeconds === undefined ? holdMs : holdSeconds * 1000;
  return planned({
    key,
    partition: partitionOf(key, partitions),
    // As asked for: the gateway's default may be another one when the request is sent again.
    payload: payloadHash(['create', resource, slot.start, slot.end, quantity, hold ?? false, holdSeconds]),
    newReservation: true,
    encode: (stamp) =>
      encodeCommand({
        ...head(tenant, stamp),
        type: 'create',
        resource,
        reservationId: stamp.newReservationId,
        slot: inMillis(slot),
        quantity,
        holdMs: hold === true ? held : null,
      }),
  });
}

function planChange(request: VerbRequest, settings: PlanSettings): Planned {
  const { tenant, id, body } = request;
  const parsed = changeReservationSchema.safeParse(body);
  if (!parsed.success) return invalid(parsed.error);
  const { resource, slot = null, quantity = null } = parsed.data;
  if (resource !== undefined && !isOfKey(id, resourceKey(tenant, resource)))
    return { kind: 'refused', problem: 'otherResource' };
  return planExisting(request, settings, [resource, slot?.start, slot?.end, quantity], (stamp) =>
    encodeCommand({
      ...head(tenant, stamp),
      type: 'change',
      reservationId: id,
      slot: slot === null ? null : inMillis(slot),
      quantity,
    }),
  );
}

function planPlain(request: VerbRequest, type: 'confirm' | 'cancel', settings: PlanSettings): Planned {
  const { tenant, id } = request;
  return planExisting(request, settings, [], (stamp) =>
    encodeCommand({ ...head(tenant, stamp), type, reservationId: id }),
  );
}

/** A command about a reservation that exists, if it does, where its create stands; whose it is, the fold knows (S7). */
function planExisting(
  { verb, tenant, id }: VerbRequest,
  { partitions }: PlanSettings,
  asked: readonly unknown[],
  encode: (stamp: CommandStamp) => Buffer,
): Planned {
  const partition = partitionOfReservation(id, partitions);
  if (partition === undefined) return { kind: 'refused', problem: 'notFound' };
  const payload = payloadHash([verb, id, ...asked]);
  return planned({ key: `${tenant}/${id}`, partition, payload, newReservation: false, encode });
}

const planned = (plan: CommandPlan): Planned => ({ kind: 'plan', plan });

function head(tenant: string, { eventId, issuedAtMs, notAfterMs }: CommandStamp) {
  return { v: 1 as const, eventId, tenant, issuedAtMs, notAfterMs };
}

const MILLIS = '2026-06-01T10:00:00.000Z'.length;

/**
 * A slot in whole milliseconds, which is what the fold compares. Postgres rounds to microseconds where JavaScript cuts
 * off: a finer slot that the fold has granted could be empty there, or after it was read back.
 */
function inMillis({ start, end }: Slot): Slot {
  const cut = (text: string): string => (text.length <= MILLIS ? text : new Date(text).toISOString());
  return { start: cut(start), end: cut(end) };
}

function invalid(error: z.ZodError): Planned {
  return { kind: 'refused', problem: 'invalid', detail: detailOf(error) };
}

/** What is wrong with a request, in one line. */
export function detailOf(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`).join('; ');
}

/** Fingerprint of what was asked for, independent of the order and spelling of JSON members. */
export function payloadHash(asked: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(asked)).digest('base64url').slice(0, 22);
}
