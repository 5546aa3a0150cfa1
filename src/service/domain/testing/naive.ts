import type {
  Command,
  CommandOf,
  Decision,
  ReservationState,
  TenantCommand,
} from '../../../contract/records.ts';

/** A record of a made-up history: a command, or bytes that are none. */
export interface NaiveRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly command: Command | 'garbage';
}

/** What the model says of a record: the part of a decision that is about its content, or that there is none. */
export type NaiveOutcome =
  | Pick<Decision, 'decision' | 'eventId' | 'tenant' | 'reason' | 'reservation' | 'rulesVersion' | 'expired'>
  | 'quiet'
  | 'beyond';

interface Past {
  readonly eventId: string;
  readonly logTimeMs: number;
  readonly reservation: ReservationState | null;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/**
 * The rules of the service told a second time, as slowly and plainly as they can be: nothing is ever dropped, every
 * question looks at everything that has happened. The fold is compared with it.
 */
export class NaiveFold {
  rules = 1;
  logTimeMs = 0;
  readonly past: Past[] = [];
  readonly reservations = new Map<string, ReservationState>();

  decide(record: NaiveRecord): NaiveOutcome {
    const { command } = record;
    const nowMs = Math.max(this.logTimeMs, record.timestampMs);
    if (command !== 'garbage' && command.type === 'rules' && command.rulesVersion > 2) {
      const known = this.past.some(
        (p) => p.eventId === command.eventId && p.logTimeMs >= nowMs - 10 * MINUTE_MS,
      );
      if (!known) return 'beyond';
    }
    this.logTimeMs = nowMs;
    if (command === 'garbage') return this.#answer({ decision: 'unparseable', reason: 'garbage' });
    if (command.type === 'tick') return this.#tick();
    const before = this.past.findLast(
      ({ eventId, logTimeMs }) => eventId === command.eventId && logTimeMs >= nowMs - 10 * MINUTE_MS,
    );
    const tenant = command.type === 'rules' ? null : command.tenant;
    const { eventId } = command;
    if (before !== undefined)
      return this.#answer({ decision: 'repeated', eventId, tenant, reservation: before.reservation });
    if (command.type === 'rules') return this.#change(command.eventId, command.rulesVersion);
    if (command.notAfterMs > record.timestampMs + 5 * MINUTE_MS)
      return this.#answer({ decision: 'unparseable', reason: 'window' });
    return this.#request(command, nowMs);
  }

  #request(command: TenantCommand, nowMs: number): NaiveOutcome {
    const { eventId, tenant } = command;
    const finish = (decision: Decision['decision'], more: Partial<Decision>): NaiveOutcome => {
      this.past.push({ eventId, logTimeMs: nowMs, reservation: more.reservation ?? null });
      if (more.reservation) this.reservations.set(more.reservation.id, more.reservation);
      return this.#answer({ decision, eventId, tenant, ...more });
    };
    if (nowMs > command.notAfterMs) return finish('expired', { reason: 'expired' });
    const wanted = this.#wanted(command, nowMs);
    return typeof wanted === 'string'
      ? finish('rejected', { reason: wanted })
      : finish('accepted', { reservation: wanted });
  }

  #wanted(command: TenantCommand, nowMs: number): ReservationState | string {
    const known = this.reservations.get(command.reservationId);
    const live = known !== undefined && this.#isLive(known, nowMs) ? known : undefined;
    if (command.type === 'create') return live === undefined ? this.#made(command, nowMs) : 'id-taken';
    if (live === undefined || live.tenant !== command.tenant) return 'not-found';
    const changed = { ...live, version: live.version + 1 };
    if (command.type === 'cancel') return { ...changed, status: 'cancelled', holdUntilMs: null };
    if (live.holdUntilMs !== null && nowMs > live.holdUntilMs) return 'hold-ended';
    if (command.type === 'confirm')
      return live.status === 'held' ? { ...changed, status: 'active', holdUntilMs: null } : 'not-held';
    return this.#room(
      { ...changed, slot: command.slot ?? live.slot, quantity: command.quantity ?? live.quantity },
      nowMs,
    );
  }

  #made(command: CommandOf<'create'>, nowMs: number): ReservationState | string {
    const { holdMs, tenant, resource, slot, quantity } = command;
    if (holdMs !== null && holdMs > 15 * MINUTE_MS) return 'hold-too-long';
    const made = { id: command.reservationId, tenant, resource, slot, quantity, version: 1 };
    if (holdMs === null) return this.#room({ ...made, status: 'active', holdUntilMs: null }, nowMs);
    return this.#room({ ...made, status: 'held', holdUntilMs: nowMs + holdMs }, nowMs);
  }

  /** Whether there is room at every instant of the slot for it beside all others. */
  #room(wanted: ReservationState, nowMs: number): ReservationState | string {
    const start = Date.parse(wanted.slot.start);
    const end = Date.parse(wanted.slot.end);
    if (start <= nowMs - DAY_MS) return 'past';
    if (wanted.quantity > (this.rules === 1 ? 100 : 50)) return 'too-large';
    const others = [...this.reservations.values()].filter(
      (other) =>
        other.id !== wanted.id &&
        other.tenant === wanted.tenant &&
        other.resource === wanted.resource &&
        this.#isLive(other, nowMs),
    );
    const instants = [start, ...others.map(({ slot }) => Date.parse(slot.start))];
    const fits = instants
      .filter((at) => at >= start && at < end)
      .every((at) => {
        const held = others.filter(({ slot }) => Date.parse(slot.start) <= at && at < Date.parse(slot.end));
        return held.reduce((sum, { quantity }) => sum + quantity, wanted.quantity) <= 100;
      });
    return fits ? wanted : 'full';
  }

  #isLive({ status, slot }: ReservationState, nowMs: number): boolean {
    return status === 'held' || (status === 'active' && Date.parse(slot.end) > nowMs - DAY_MS);
  }

  #tick(): NaiveOutcome {
    const due = [...this.reservations.values()]
      .filter(({ holdUntilMs }) => holdUntilMs !== null && holdUntilMs < this.logTimeMs)
      .toSorted((a, b) => Number(a.holdUntilMs) - Number(b.holdUntilMs) || (a.id < b.id ? -1 : 1))
      .slice(0, 100)
      .map(
        (held): ReservationState => ({
          ...held,
          status: 'expired',
          version: held.version + 1,
          holdUntilMs: null,
        }),
      );
    for (const ended of due) this.reservations.set(ended.id, ended);
    return due.length === 0 ? 'quiet' : this.#answer({ decision: 'accepted', expired: due });
  }

  #change(eventId: string, version: number): NaiveOutcome {
    this.past.push({ eventId, logTimeMs: this.logTimeMs, reservation: null });
    if (version <= this.rules)
      return this.#answer({ decision: 'rejected', eventId, reason: 'rules-not-newer' });
    this.rules = version;
    return this.#answer({ decision: 'accepted', eventId });
  }

  #answer(said: Partial<Decision> & Pick<Decision, 'decision'>): NaiveOutcome {
    const none = { eventId: null, tenant: null, reason: null, reservation: null, expired: [] };
    return { ...none, rulesVersion: this.rules, ...said };
  }
}
