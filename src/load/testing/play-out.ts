import type { LoadVerb } from '../stories.ts';
import type { PlannedFollowUp, PlannedOperation, WorkloadOptions } from '../workload.ts';

type Refusal = 'full' | 'not-found' | 'not-held';
export type Outcomes = `${LoadVerb} ${'accepted' | Refusal}` | 'expired';

interface Made {
  readonly resource: string;
  startMs: number;
  endMs: number;
  quantity: number;
  /** Second at which the hold ends; infinite once there is none. */
  untilS: number;
}

/** What a plan comes to when every operation is decided at once, by the rules alone. */
export interface PlayedOut {
  /** Live reservations after each second. */
  readonly live: readonly number[];
  readonly counts: ReadonlyMap<Outcomes, number>;
}

/** Plays a plan against the plainest service there is. `knows`: whether the id of what an operation made became known. */
export function playOut(
  plan: readonly PlannedOperation[],
  options: Pick<WorkloadOptions, 'ratePerS' | 'capacity'> & { readonly knows?: (index: number) => boolean },
): PlayedOut {
  const { ratePerS, capacity, knows = () => true } = options;
  const service = new PlainService(capacity);
  const live: number[] = [];
  for (const [index, planned] of plan.entries()) {
    const nowS = index / ratePerS;
    service.endHolds(nowS);
    const { followUp } = planned;
    if (followUp !== null && service.made.has(followUp.of) && knows(followUp.of)) service.follow(followUp);
    else service.create(index, planned, nowS);
    if (index % ratePerS === ratePerS - 1) live.push(service.live.size);
  }
  return { live, counts: service.counts };
}

class PlainService {
  readonly made = new Set<number>();
  readonly live = new Map<number, Made>();
  readonly counts = new Map<Outcomes, number>();
  readonly #held = new Set<number>();
  readonly #onResource = new Map<string, Set<number>>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  endHolds(nowS: number): void {
    for (const index of this.#held) {
      const untilS = this.live.get(index)?.untilS ?? Number.POSITIVE_INFINITY;
      if (untilS === Number.POSITIVE_INFINITY) this.#held.delete(index);
      if (untilS >= nowS) continue;
      this.#remove(index);
      this.#count('expired');
    }
  }

  create(index: number, planned: PlannedOperation, nowS: number): void {
    const { resource, slotStartMs: startMs, slotEndMs: endMs, quantity, holdSeconds } = planned;
    const untilS = holdSeconds === null ? Number.POSITIVE_INFINITY : nowS + holdSeconds;
    const wanted = { resource, startMs, endMs, quantity, untilS };
    const fits = this.#fits(index, wanted);
    this.#count(`${holdSeconds === null ? 'create' : 'hold'} ${fits ? 'accepted' : 'full'}`);
    if (!fits) return;
    this.live.set(index, wanted);
    this.made.add(index);
    this.#onResource.set(resource, (this.#onResource.get(resource) ?? new Set()).add(index));
    if (holdSeconds !== null) this.#held.add(index);
  }

  follow(planned: PlannedFollowUp): void {
    this.#count(`${planned.verb} ${this.#decide(planned) ?? 'accepted'}`);
  }

  #decide({ verb, of, slotStartMs, slotEndMs, quantity }: PlannedFollowUp): Refusal | undefined {
    const found = this.live.get(of);
    if (found === undefined) return 'not-found';
    if (verb === 'cancel') this.#remove(of);
    if (verb === 'confirm') {
      if (found.untilS === Number.POSITIVE_INFINITY) return 'not-held';
      found.untilS = Number.POSITIVE_INFINITY;
    }
    if (verb === 'change') {
      const moved = { startMs: slotStartMs ?? 0, endMs: slotEndMs ?? 0, quantity: quantity ?? 0 };
      if (!this.#fits(of, { ...found, ...moved })) return 'full';
      Object.assign(found, moved);
    }
    return undefined;
  }

  #fits(own: number, wanted: Made): boolean {
    let taken = wanted.quantity;
    for (const index of this.#onResource.get(wanted.resource) ?? []) {
      const other = this.live.get(index);
      if (other === undefined || index === own) continue;
      if (other.startMs < wanted.endMs && wanted.startMs < other.endMs) taken += other.quantity;
    }
    return taken <= this.#capacity;
  }

  #remove(index: number): void {
    this.#onResource.get(this.live.get(index)?.resource ?? '')?.delete(index);
    this.live.delete(index);
  }

  #count(what: Outcomes): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}
