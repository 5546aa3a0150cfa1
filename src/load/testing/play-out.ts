import type { LoadVerb } from '../stories.ts';
import type { PlannedOperation, WorkloadOptions } from '../workload.ts';

export type Outcomes = `${LoadVerb} ${'accepted' | 'full' | 'not-found' | 'not-held'}` | 'expired';

interface Made {
  readonly resource: string;
  startMs: number;
  endMs: number;
  quantity: number;
  /** Second at which the hold ends. */
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
  const made = new Set<number>();
  const live = new Map<number, Made>();
  const counts = new Map<Outcomes, number>();
  const held = new Set<number>();
  const onResource = new Map<string, Set<number>>();
  const lives: number[] = [];
  const remove = (index: number): void => {
    onResource.get(live.get(index)?.resource ?? '')?.delete(index);
    live.delete(index);
  };
  const count = (what: Outcomes): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
  const fits = (own: number, wanted: Made): boolean => {
    let taken = wanted.quantity;
    for (const index of onResource.get(wanted.resource) ?? []) {
      const other = live.get(index);
      if (
        other !== undefined &&
        index !== own &&
        other.startMs < wanted.endMs &&
        wanted.startMs < other.endMs
      )
        taken += other.quantity;
    }
    return taken <= capacity;
  };
  const create = (index: number, planned: PlannedOperation): void => {
    const { resource, slotStartMs: startMs, slotEndMs: endMs, quantity, holdSeconds } = planned;
    const untilS = holdSeconds === null ? Number.POSITIVE_INFINITY : index / ratePerS + holdSeconds;
    const wanted = { resource, startMs, endMs, quantity, untilS };
    const verb = holdSeconds === null ? 'create' : 'hold';
    if (!fits(index, wanted)) return count(`${verb} full`);
    live.set(index, wanted);
    onResource.set(resource, (onResource.get(resource) ?? new Set()).add(index));
    if (holdSeconds !== null) held.add(index);
    made.add(index);
    count(`${verb} accepted`);
  };
  const follow = (planned: NonNullable<PlannedOperation['followUp']>): void => {
    const { verb, of, slotStartMs, slotEndMs, quantity } = planned;
    const found = live.get(of);
    if (found === undefined) return count(`${verb} not-found`);
    if (verb === 'cancel') remove(of);
    if (verb === 'confirm') {
      if (found.untilS === Number.POSITIVE_INFINITY) return count('confirm not-held');
      found.untilS = Number.POSITIVE_INFINITY;
    }
    if (verb === 'change') {
      const moved = { startMs: slotStartMs ?? 0, endMs: slotEndMs ?? 0, quantity: quantity ?? 0 };
      if (!fits(of, { ...found, ...moved })) return count('change full');
      Object.assign(found, moved);
    }
    count(`${verb} accepted`);
  };
  for (const [index, planned] of plan.entries()) {
    for (const at of held) {
      const until = live.get(at)?.untilS ?? Number.POSITIVE_INFINITY;
      if (until === Number.POSITIVE_INFINITY) held.delete(at);
      if (until >= index / ratePerS) continue;
      remove(at);
      count('expired');
    }
    const { followUp } = planned;
    if (followUp !== null && made.has(followUp.of) && knows(followUp.of)) follow(followUp);
    else create(index, planned);
    if (index % ratePerS === ratePerS - 1) lives.push(live.size);
  }
  return { live: lives, counts };
}
