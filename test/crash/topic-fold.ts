import { type RecordHeaders, readReplay } from '../../src/contract/dead-letter.ts';
import { decodeEvent } from '../../src/contract/events.ts';
import { type DecisionKind, effectsOf, type ReservationState } from '../../src/contract/records.ts';

/** What the events say, folded by nobody's code but this: written from the contract, not from the service. */
export interface TopicState {
  /** By `tenant/id`. */
  readonly reservations: ReadonlyMap<string, ReservationState>;
  /** First decision of each event id, by `tenant/event id`. */
  readonly operations: ReadonlyMap<string, DecisionKind>;
  /** Last decided command, by partition. */
  readonly decidedThrough: ReadonlyMap<number, bigint>;
  /** What may never stand in the log, as sentences. */
  readonly broken: readonly string[];
}

export interface TopicRecord {
  readonly offset: bigint;
  readonly value: Buffer | null;
  readonly headers: RecordHeaders;
}

/** Folds the events topic record by record; may go on where it ended. */
export class TopicFold {
  readonly #reservations = new Map<string, ReservationState>();
  readonly #operations = new Map<string, DecisionKind>();
  readonly #decidedThrough = new Map<number, bigint>();
  /** Values by command, to tell a record that was written again from another decision. */
  readonly #decided = new Map<string, string>();
  readonly #broken: string[] = [];
  repeatedRecords = 0;

  add(partition: number, { offset, value, headers }: TopicRecord): void {
    if (readReplay(headers) !== undefined) return;
    const at = `events ${partition}/${offset}`;
    const decision = decodeEvent(value)?.decision;
    if (decision === undefined) {
      this.#broken.push(`${at} is no decision`);
      return;
    }
    const command = BigInt(decision.commandOffset);
    const key = `${partition}/${command}`;
    const text = value?.toString('utf8') ?? '';
    const before = this.#decided.get(key);
    if (before !== undefined) {
      this.repeatedRecords += 1;
      if (before !== text) this.#broken.push(`${at} decides command ${command} another way than before`);
      return;
    }
    this.#decided.set(key, text);
    const last = this.#decidedThrough.get(partition) ?? -1n;
    if (BigInt(decision.previousCommandOffset) !== last)
      this.#broken.push(
        `${at} follows command ${decision.previousCommandOffset}, the last decided one is ${last}`,
      );
    this.#decidedThrough.set(partition, command);
    if (decision.eventId !== null && decision.tenant !== null && decision.decision !== 'repeated')
      this.#operation(at, `${decision.tenant}/${decision.eventId}`, decision.decision);
    for (const effect of effectsOf(decision)) this.#effect(at, effect);
  }

  result(): TopicState {
    return {
      reservations: this.#reservations,
      operations: this.#operations,
      decidedThrough: this.#decidedThrough,
      broken: this.#broken,
    };
  }

  #operation(at: string, key: string, decision: DecisionKind): void {
    if (this.#operations.has(key)) this.#broken.push(`${at} decides ${key} a second time`);
    else this.#operations.set(key, decision);
  }

  #effect(at: string, state: ReservationState): void {
    const key = `${state.tenant}/${state.id}`;
    const found = this.#reservations.get(key)?.version ?? 0;
    if (state.version !== found + 1)
      this.#broken.push(`${at} makes version ${state.version} of ${key}, the one before is ${found}`);
    this.#reservations.set(key, state);
  }
}

/** One server's projection. */
export interface ProjectionRows {
  readonly reservations: ReadonlyMap<string, ReservationState>;
  readonly operations: ReadonlyMap<string, string>;
}

const NAMED = 5;

/** How far a topic was read before the rows of a projection, and after them. */
export interface TopicAround {
  readonly before: Pick<TopicState, 'reservations' | 'operations'>;
  readonly after: Pick<TopicState, 'reservations' | 'operations'>;
}

/**
 * How a projection that has decided as much as the topic differs from it, as sentences; none when they are equal. Holds
 * go on ending while it is read, so a row may be as the events left it at either reading.
 */
export function differences({ before, after }: TopicAround, rows: ProjectionRows, server: string): string[] {
  const found: string[] = [];
  const all = (kind: string, keys: readonly string[]): void => {
    if (keys.length === 0) return;
    const named = keys.slice(0, NAMED).join(', ');
    found.push(`${server}: ${keys.length} ${kind}: ${named}${keys.length > NAMED ? ', …' : ''}`);
  };
  const isAs = (topic: TopicAround['before'], key: string, row: ReservationState): boolean => {
    const state = topic.reservations.get(key);
    return state !== undefined && textOf(row) === textOf(state);
  };
  all('reservations are not in it', missing(before.reservations, rows.reservations));
  all('reservations stand in no event', missing(rows.reservations, after.reservations));
  all(
    'reservations are not as the events leave them',
    [...after.reservations].flatMap(([key, state]) => {
      const row = rows.reservations.get(key);
      return row === undefined || isAs(before, key, row) || isAs(after, key, row)
        ? []
        : [`${key} (${textOf(row)}, not ${textOf(state)})`];
    }),
  );
  all('operations are not in it', missing(before.operations, rows.operations));
  all('operations stand in no event', missing(rows.operations, after.operations));
  all(
    'operations have another decision',
    [...after.operations].flatMap(([key, decision]) =>
      [undefined, decision].includes(rows.operations.get(key) as DecisionKind) ? [] : [key],
    ),
  );
  return found;
}

const missing = (of: ReadonlyMap<string, unknown>, where: ReadonlyMap<string, unknown>): string[] =>
  [...of.keys()].filter((key) => !where.has(key));

function textOf({ resource, slot, quantity, status, version, holdUntilMs }: ReservationState): string {
  const times = [Date.parse(slot.start), Date.parse(slot.end), holdUntilMs ?? '-'];
  return [resource, status, `v${version}`, `× ${quantity}`, ...times].join(' ');
}
