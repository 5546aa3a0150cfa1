import { createHash } from 'node:crypto';
import type { OutRecord } from '../../clients/kafka/ports.ts';
import type { Claims } from '../../clients/redis/index.ts';
import type { CreateReservation } from '../../contract/http.ts';
import { eventIdOf, partitionOf, reservationIdOf, resourceKey } from '../../contract/ids.ts';
import { TOPICS } from '../../contract/records.ts';
import { encodeToken } from '../../contract/token.ts';
import { commandHeaders, encodeCommand } from '../domain/codec.ts';

/** Appends one record to one partition and resolves when all in-sync replicas have it; the batcher of clients/kafka. */
export interface Append {
  append(
    topic: string,
    partition: number,
    record: OutRecord,
    deadlineMs: number,
  ): Promise<{ readonly partition: number; readonly offset: bigint }>;
}

export interface CreateDeps {
  readonly claims: Claims;
  readonly append: Append;
  /** Did a failed append write nothing, for certain? */
  readonly certainlyNotWritten: (error: unknown) => boolean;
  readonly nextId: () => bigint;
  readonly nowMs: () => number;
  /** Storing an acknowledgement failed: the next repeat is produced again, which the fold answers with the first. */
  readonly onPutFailed: () => void;
  readonly region: string;
  readonly partitions: number;
  readonly produceDeadlineMs: number;
  readonly commandWindowMs: number;
  readonly idempotencyTtlMs: number;
}

export interface CreateRequest {
  readonly tenant: string;
  readonly idempotencyKey: string;
  readonly body: CreateReservation;
  readonly topicId: string;
  /** W3C trace context of the caller, if it sent one. */
  readonly traceparent: string | undefined;
}

export type CreateResult =
  | {
      readonly kind: 'acknowledged';
      readonly operationId: string;
      readonly token: string;
      readonly replay: boolean;
    }
  | { readonly kind: 'keyReused' }
  | { readonly kind: 'notReady'; readonly cause: unknown }
  | { readonly kind: 'overloaded'; readonly cause: unknown }
  | { readonly kind: 'unknown'; readonly operationId: string; readonly cause: unknown };

/** What stands in Redis under an idempotency key: short names, it is written twice per request. */
interface Stored {
  /** Payload hash. */
  readonly p: string;
  /** Reservation id: every attempt of one operation offers the same. */
  readonly r: string;
  /** Token of the acknowledged command, once there is one. */
  readonly t?: string;
}

/** The write path of one request. Keeps the background writes it started, so that a drain can wait for them. */
export class Creator {
  readonly #deps: CreateDeps;
  readonly #puts = new Set<Promise<void>>();

  constructor(deps: CreateDeps) {
    this.#deps = deps;
  }

  /** Claims the key, appends the command, answers what is known. Never answers `acknowledged` without Kafka's answer. */
  async create(request: CreateRequest): Promise<CreateResult> {
    const { deps, operationId, key } = this.#identify(request);
    const payload = payloadHash(request.body);
    const claimKey = `idem:${operationId}`;
    let stored: Stored;
    try {
      const mine: Stored = { p: payload, r: reservationIdOf(deps.nextId(), key) };
      const claim = await deps.claims.claim(claimKey, JSON.stringify(mine), deps.idempotencyTtlMs);
      stored = claim.claimed ? mine : JSON.parse(claim.value);
    } catch (cause) {
      return { kind: 'notReady', cause };
    }
    if (stored.p !== payload) return { kind: 'keyReused' };
    if (stored.t !== undefined) return { kind: 'acknowledged', operationId, token: stored.t, replay: true };
    return this.#append(request, { operationId, key, claimKey, stored });
  }

  /** Waits for acknowledgements that are being stored. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#puts);
  }

  #identify(request: CreateRequest): { deps: CreateDeps; operationId: string; key: string } {
    return {
      deps: this.#deps,
      operationId: eventIdOf(request.tenant, request.idempotencyKey),
      key: resourceKey(request.tenant, request.body.resource),
    };
  }

  async #append(
    request: CreateRequest,
    claim: { operationId: string; key: string; claimKey: string; stored: Stored },
  ): Promise<CreateResult> {
    const { append, partitions, produceDeadlineMs, certainlyNotWritten, region } = this.#deps;
    const { operationId, key, claimKey, stored } = claim;
    const record = this.#record(request, operationId, key, stored.r);
    try {
      const at = await append.append(
        TOPICS.commands,
        partitionOf(key, partitions),
        record,
        produceDeadlineMs,
      );
      const token = encodeToken({
        region,
        topicId: request.topicId,
        partition: at.partition,
        commandOffset: at.offset,
      });
      this.#remember(claimKey, { ...stored, t: token });
      return { kind: 'acknowledged', operationId, token, replay: false };
    } catch (cause) {
      return certainlyNotWritten(cause)
        ? { kind: 'overloaded', cause }
        : { kind: 'unknown', operationId, cause };
    }
  }

  #record(request: CreateRequest, eventId: string, key: string, reservationId: string): OutRecord {
    const { nowMs, commandWindowMs } = this.#deps;
    const { body, tenant } = request;
    const issuedAtMs = nowMs();
    const value = encodeCommand({
      v: 1,
      type: 'create',
      eventId,
      tenant,
      resource: body.resource,
      reservationId,
      slot: { start: body.slot.start, end: body.slot.end },
      quantity: body.quantity,
      holdMs: null,
      issuedAtMs,
      notAfterMs: issuedAtMs + commandWindowMs,
    });
    // Without a caller's trace the event id is the trace id: one can follow a request through the log by it.
    const trace = request.traceparent ?? `00-${eventId}-${eventId.slice(0, 16)}-00`;
    return {
      key: Buffer.from(key, 'utf8'),
      value,
      headers: commandHeaders(eventId, Buffer.from(trace, 'utf8')),
    };
  }

  /** Stores the acknowledgement behind the answer's back: the answer is true without it. */
  #remember(claimKey: string, stored: Stored): void {
    const { claims, idempotencyTtlMs, onPutFailed } = this.#deps;
    const put = claims.put(claimKey, JSON.stringify(stored), idempotencyTtlMs).catch(onPutFailed);
    this.#puts.add(put);
    void put.finally(() => this.#puts.delete(put));
  }
}

/** Fingerprint of what was asked for, independent of the order and spelling of JSON members. */
export function payloadHash(body: CreateReservation): string {
  const text = JSON.stringify([body.resource, body.slot.start, body.slot.end, body.quantity]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}
