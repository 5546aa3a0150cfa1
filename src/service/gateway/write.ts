import type { OutRecord } from '../../clients/kafka/ports.ts';
import { eventIdOf, reservationIdOf } from '../../contract/ids.ts';
import { TOPICS } from '../../contract/records.ts';
import { encodeToken } from '../../contract/token.ts';
import { withDeadline } from '../../core/wait.ts';
import { commandHeaders } from '../domain/codec.ts';
import type { Append } from '../runtime/produce.ts';
import type { UnknownOutcome } from '../unknown/outcome.ts';
import { type ClaimEntry, claimKeyOf, decodeEntry, encodeEntry, standingOf } from './claim-entry.ts';
import type { ClaimStore } from './claims-first-of.ts';
import type { DecidedAt } from './reads.ts';
import type { CommandTrace, SentCommand } from './traces.ts';

export interface WriterDeps {
  readonly claims: ClaimStore;
  readonly append: Append;
  /**
   * Where the first decision of an operation stands; undefined: there is none, of nothing that was sent before the call.
   * Throws while that cannot be said.
   */
  readonly decided: (operation: SentCommand) => Promise<DecidedAt | undefined>;
  /** Did a failed append write nothing, for certain? */
  readonly certainlyNotWritten: (error: unknown) => boolean;
  /** Keeps a command whose outcome is unknown, for the sweeper. */
  readonly keepUnknown: (outcome: UnknownOutcome) => Promise<void>;
  readonly nextId: () => bigint;
  readonly nowMs: () => number;
  /** Storing an acknowledgement failed: the next repeat is produced again, which the fold answers with the first. */
  readonly onPutFailed: () => void;
  /** Whether a command of unknown outcome could be kept. */
  readonly onKept: (kept: boolean) => void;
  readonly region: string;
  readonly produceDeadlineMs: number;
  readonly commandWindowMs: number;
  readonly idempotencyTtlMs: number;
}

/** What only the writer knows of a command before it is written. */
export interface CommandStamp {
  readonly eventId: string;
  /** Empty for a command that makes no reservation. */
  readonly newReservationId: string;
  readonly issuedAtMs: number;
  readonly notAfterMs: number;
}

/** One command of a tenant, but for what the writer stamps it with. */
export interface CommandPlan {
  /** Record key. */
  readonly key: string;
  readonly partition: number;
  /** Fingerprint of what is asked for, verb included: the same idempotency key with another one is refused. */
  readonly payload: string;
  /** Whether it offers an id for a reservation; every attempt of one operation offers the same, until it is forgotten. */
  readonly newReservation: boolean;
  readonly encode: (stamp: CommandStamp) => Buffer;
}

export interface WriteRequest {
  readonly tenant: string;
  readonly idempotencyKey: string;
  readonly topicId: string;
  /** Asked once, when the command is about to be sent. */
  readonly trace: (command: SentCommand) => CommandTrace;
  readonly command: CommandPlan;
}

export type WriteResult =
  | {
      readonly kind: 'acknowledged';
      readonly operationId: string;
      readonly token: string;
      readonly replay: boolean;
    }
  | { readonly kind: 'keyReused' }
  /** `forMs`: it has ended by then, one way or another. */
  | { readonly kind: 'keyRunning'; readonly forMs: number }
  | { readonly kind: 'notReady'; readonly cause: unknown }
  | { readonly kind: 'overloaded'; readonly cause: unknown }
  | { readonly kind: 'unknown'; readonly operationId: string; readonly cause: unknown };

/** What the end of an attempt may cost beyond the append itself: its claim is released, the unknown outcome kept. */
export const AFTERMATH_MS = 2000;

interface Attempt {
  readonly request: WriteRequest;
  readonly operationId: string;
  readonly claimKey: string;
  readonly entry: ClaimEntry;
}

/** The write path of every command. Keeps the background writes it started, so that a drain can wait for them. */
export class CommandWriter {
  readonly #deps: WriterDeps;
  readonly #puts = new Set<Promise<unknown>>();

  constructor(deps: WriterDeps) {
    this.#deps = deps;
  }

  /** Claims the key, appends the command, answers what is known. Never answers `acknowledged` without Kafka's answer. */
  async write(request: WriteRequest): Promise<WriteResult> {
    const operationId = eventIdOf(request.tenant, request.idempotencyKey);
    const claimKey = claimKeyOf(request.tenant, operationId);
    let entry: ClaimEntry | WriteResult;
    try {
      entry = await this.#claim(request, operationId, claimKey);
    } catch (cause) {
      return { kind: 'notReady', cause };
    }
    return 'kind' in entry ? entry : this.#append({ request, operationId, claimKey, entry });
  }

  /** Waits for what is still being stored. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#puts);
  }

  /** The entry to go on with, or what a request that may not go on is answered. */
  async #claim(
    request: WriteRequest,
    operationId: string,
    claimKey: string,
  ): Promise<ClaimEntry | WriteResult> {
    const { command } = request;
    const { claims, nextId, nowMs, idempotencyTtlMs } = this.#deps;
    const longestRunMs = this.#longestRunMs();
    const r = command.newReservation ? reservationIdOf(nextId(), command.key) : '';
    const mine: ClaimEntry = { p: command.payload, r, u: nowMs() + longestRunMs, a: nowMs() };
    const claim = await claims.claim(claimKey, encodeEntry(mine), idempotencyTtlMs);
    const attemptOf = (entry: ClaimEntry): Attempt => ({ request, operationId, claimKey, entry });
    if (claim.claimed && claim.decidedBefore !== true) return mine;
    if (claim.claimed) {
      const answer = this.#answerOf(attemptOf(mine));
      // Nothing runs under a key of which nobody can say what became of it.
      answer.catch(() => this.#behind(this.#put(attemptOf(mine), { ...mine, u: undefined })));
      return (await answer) ?? mine;
    }
    const before = decodeEntry(claim.value);
    const standing = standingOf(before, command.payload, { nowMs: nowMs(), longestRunMs });
    switch (standing.kind) {
      case 'keyReused':
        return { kind: 'keyReused' };
      case 'finished':
        return { kind: 'acknowledged', operationId, token: standing.token, replay: true };
      case 'running':
        return { kind: 'keyRunning', forMs: Math.min(standing.forMs, this.#deps.produceDeadlineMs) };
      case 'free': {
        const answer = standing.isForgotten ? await this.#answerOf(attemptOf(before)) : undefined;
        if (answer !== undefined) return answer;
        // Two that meet here both go on: one event id, one reservation id, and the fold accepts once.
        // What is forgotten begins anew, with an id of now: an id as old as a key can get would be unknown to a Bloom filter.
        const again = standing.isForgotten ? mine : { ...before, u: mine.u };
        await claims.put(claimKey, encodeEntry(again), idempotencyTtlMs);
        return again;
      }
    }
  }

  /** The answer to an operation that was decided before; undefined: it was not. */
  async #answerOf(attempt: Attempt): Promise<WriteResult | undefined> {
    const { request, operationId, entry } = attempt;
    const { tenant, command } = request;
    const at = await this.#deps.decided({ tenant, operationId, partition: command.partition });
    if (at === undefined) return undefined;
    // It may have been decided in a topic of before, whose offsets say nothing of today's.
    const topicId = at.topicId ?? request.topicId;
    const token = encodeToken({ ...at, region: this.#deps.region, topicId });
    this.#behind(this.#put(attempt, { p: entry.p, r: entry.r, t: token }));
    return { kind: 'acknowledged', operationId, token, replay: true };
  }

  #longestRunMs(): number {
    return this.#deps.produceDeadlineMs + AFTERMATH_MS;
  }

  async #append(attempt: Attempt): Promise<WriteResult> {
    const { append, produceDeadlineMs, certainlyNotWritten, region } = this.#deps;
    const { request, operationId, entry } = attempt;
    const { partition } = request.command;
    const trace = request.trace({ operationId, partition, tenant: request.tenant });
    const { record, stamp } = this.#record(attempt, trace);
    try {
      const at = await append.append(TOPICS.commands, partition, record, produceDeadlineMs);
      trace.acknowledged?.(at.offset);
      const { topicId } = request;
      const token = encodeToken({ region, topicId, partition: at.partition, commandOffset: at.offset });
      // Behind the answer's back: the answer is true without it.
      this.#behind(this.#put(attempt, { p: entry.p, r: entry.r, t: token }));
      return { kind: 'acknowledged', operationId, token, replay: false };
    } catch (cause) {
      trace.failed?.(cause);
      const notWritten = certainlyNotWritten(cause);
      const ends = [this.#put(attempt, { p: entry.p, r: entry.r, a: entry.a })];
      if (!notWritten) ends.push(this.#keep(attempt, record, stamp));
      // Awaited, but not for long: who sends again after this answer must not be told that it still runs.
      const ended = this.#behind(Promise.all(ends));
      await withDeadline('the end of an attempt', AFTERMATH_MS, ended).catch(() => undefined);
      return notWritten ? { kind: 'overloaded', cause } : { kind: 'unknown', operationId, cause };
    }
  }

  #record(
    { request, operationId, entry }: Attempt,
    { traceparent }: CommandTrace,
  ): { record: OutRecord; stamp: CommandStamp } {
    const { nowMs, commandWindowMs } = this.#deps;
    const issuedAtMs = nowMs();
    const stamp: CommandStamp = {
      eventId: operationId,
      newReservationId: entry.r,
      issuedAtMs,
      notAfterMs: issuedAtMs + commandWindowMs,
    };
    const record = {
      key: Buffer.from(request.command.key, 'utf8'),
      value: request.command.encode(stamp),
      headers: commandHeaders(operationId, Buffer.from(traceparent, 'utf8')),
    };
    return { record, stamp };
  }

  /** Never rejects. */
  async #put({ claimKey }: Attempt, entry: ClaimEntry): Promise<void> {
    const { claims, idempotencyTtlMs, onPutFailed } = this.#deps;
    await claims.put(claimKey, encodeEntry(entry), idempotencyTtlMs).catch(onPutFailed);
  }

  /** Never rejects: a command that could not be kept is counted, and its answer stays "unknown". */
  async #keep({ request }: Attempt, record: OutRecord, stamp: CommandStamp): Promise<void> {
    const { keepUnknown, onKept } = this.#deps;
    const { tenant, topicId } = request;
    const { partition, payload } = request.command;
    const { eventId, issuedAtMs, notAfterMs } = stamp;
    const { key, value, headers } = record;
    if (key === null || value === null) return;
    const of = { tenant, eventId, topicId, partition, payload, issuedAtMs, notAfterMs };
    await keepUnknown({ ...of, topic: TOPICS.commands, record: { key, value, headers } }).then(
      () => onKept(true),
      () => onKept(false),
    );
  }

  #behind<T>(work: Promise<T>): Promise<T> {
    this.#puts.add(work);
    void work.finally(() => this.#puts.delete(work));
    return work;
  }
}
