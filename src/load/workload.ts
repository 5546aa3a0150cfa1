import { eventIdOf, partitionOf, resourceKey } from '../contract/ids.ts';
import {
  CONTESTED_HOLD_S,
  type FollowUpVerb,
  followUpQueue,
  LEFT_HOLD_S,
  type Pending,
  type Story,
  storyOf,
} from './stories.ts';

export interface WorkloadOptions {
  /** Tag of this run: everything it writes belongs to this tenant. */
  readonly tenant: string;
  readonly partitions: number;
  readonly seed: number;
  /** How many operations a second will be asked for: decides how many of them lie between a create and what follows it. */
  readonly ratePerS: number;
  readonly resourcesPerPartition?: number;
  /** Capacity of a resource, as the service has it; decides how many reservations fill a slot. */
  readonly capacity: number;
  /** Share of creates that compete for contested slots, most of which end as `full`. */
  readonly contestedShare?: number;
  /** `creates`: nothing that was made is held, confirmed, changed or cancelled. Default `all`. */
  readonly mix?: 'all' | 'creates';
  /** Seconds from an operation to the next one about the same reservation. */
  readonly followUpAfterS?: { readonly from: number; readonly to: number };
}

/** What is wanted of a reservation that an earlier operation of the same run made. */
export interface PlannedFollowUp {
  readonly verb: FollowUpVerb;
  /** Number of the operation that made it. */
  readonly of: number;
  /** Nothing later is about it. */
  readonly last: boolean;
  /** What a change asks for; null for the others. */
  readonly slotStartMs: number | null;
  readonly slotEndMs: number | null;
  readonly quantity: number | null;
  /** Resource of the reservation. */
  readonly resource: string;
}

/** One operation to ask for. The same number, seed, tenant and rate always give the same one. */
export interface PlannedOperation {
  readonly idempotencyKey: string;
  readonly eventId: string;
  readonly partition: number;
  /** Asked for in place of the create below, when the reservation it is about is known by then. */
  readonly followUp: PlannedFollowUp | null;
  readonly resource: string;
  readonly slotStartMs: number;
  readonly slotEndMs: number;
  readonly quantity: number;
  /** Null: reserved at once. */
  readonly holdSeconds: number | null;
  /** Later operations are about what this one makes. */
  readonly followed: boolean;
}

export interface Workload {
  readonly resources: readonly (readonly string[])[];
  /** Operations must be asked for in order, 0, 1, 2, …: slots are handed out as they come. */
  at(index: number): PlannedOperation;
}

export const FOLLOW_UP_AFTER_S = { from: 5, to: 20 } as const;
const QUARTER_HOUR_MS = 900_000;
const OPEN_SLOTS_FROM_MS = Date.UTC(2040, 0, 1);
const CONTESTED_SLOTS_FROM_MS = Date.UTC(2200, 0, 1);
/** Contested creates on one slot before the next is opened: the first two are accepted, the others find it full. */
const CONTESTED_RUN = 6;
const CONTESTED_ROOM = 2;
/** Share of changes that ask for room in a contested slot, where mostly there is none. */
const CONTESTED_CHANGES = 0.25;

/**
 * Plans operations that hit every partition equally: each round goes once over all partitions in an order of its own,
 * resources of a partition take turns. An operation is a create or, where one is due on its partition, a follow-up to an
 * earlier create: confirm, change, cancel. What is made ends again, by a cancel or by a hold that nobody confirms, so
 * that what is live stays bounded however long it goes on. Beside each follow-up stands a create to ask for instead when
 * the reservation is not known by then: a short hold, which ends by itself. Pure.
 */
export function planWorkload(options: WorkloadOptions): Workload {
  const random = randomFrom(options.seed);
  const resources = findResources(options, random);
  const order = Array.from({ length: options.partitions }, (_, partition) => partition);
  const plan = planner(options, random);
  return {
    resources,
    at(index) {
      if (index % options.partitions === 0) shuffle(order, random);
      const partition = order[index % options.partitions] ?? 0;
      const round = Math.floor(index / options.partitions);
      const own = resources[partition] ?? [];
      const idempotencyKey = `${options.tenant}-${index}`;
      const eventId = eventIdOf(options.tenant, idempotencyKey);
      return { idempotencyKey, eventId, partition, ...plan({ index, partition, own, round }) };
    },
  };
}

interface Turn {
  readonly index: number;
  readonly partition: number;
  /** Resources of the partition. */
  readonly own: readonly string[];
  readonly round: number;
}

type Planned = Omit<PlannedOperation, 'idempotencyKey' | 'eventId' | 'partition'>;
type SlotPlan = Pick<PlannedOperation, 'slotStartMs' | 'slotEndMs' | 'quantity'>;

/** Decides turn by turn: what is due, else a create and what becomes of it. */
function planner(options: WorkloadOptions, random: () => number): (turn: Turn) => Planned {
  const { capacity, contestedShare = 0.1, mix = 'all' } = options;
  const queue = followUpQueue(options, options.followUpAfterS ?? FOLLOW_UP_AFTER_S, random);
  const openSlots = new Map<string, number>();
  const contestedSlots = new Map<string, number>();
  /** Creates of the contested slot that is open on a resource and have room in it. */
  const inContested = new Map<string, Pending[]>();
  const open = (resource: string): SlotPlan => openSlot(next(openSlots, resource), capacity, random);

  const changeOf = (resource: string): SlotPlan => {
    const count = contestedSlots.get(resource) ?? 0;
    return random() < CONTESTED_CHANGES && count > 0 ? contestedSlot(count - 1, capacity) : open(resource);
  };
  const followUp = ({ verb, of, last, resource }: Pending): PlannedFollowUp => {
    const nothing = { slotStartMs: null, slotEndMs: null, quantity: null };
    return { verb, of, last, resource, ...(verb === 'change' ? changeOf(resource) : nothing) };
  };
  const contested = ({ index, partition, own }: Turn): Planned => {
    const resource = own[0] ?? '';
    const count = next(contestedSlots, resource);
    const inRun = count % CONTESTED_RUN;
    if (inRun === 0) {
      for (const before of inContested.get(resource) ?? []) queue.add(index, partition, before);
      inContested.set(resource, []);
    }
    const followed = mix === 'all' && inRun < CONTESTED_ROOM;
    if (followed) inContested.get(resource)?.push({ verb: 'cancel', of: index, last: true, resource });
    // Whoever should find it full but does not, since one before it got lost, ends by itself.
    const holdSeconds = mix === 'creates' || followed ? null : CONTESTED_HOLD_S;
    return { followUp: null, resource, ...contestedSlot(count, capacity), holdSeconds, followed };
  };
  const created = (turn: Turn, { holdSeconds, follow }: Story): Planned => {
    const resource = turn.own[turn.round % Math.max(1, turn.own.length)] ?? '';
    let after = turn.index;
    for (const [at, verb] of follow.entries()) {
      const last = at === follow.length - 1;
      after = queue.add(after, turn.partition, { verb, of: turn.index, last, resource });
    }
    return { followUp: null, resource, ...open(resource), holdSeconds, followed: follow.length > 0 };
  };

  return (turn) => {
    const due = queue.due(turn.index, turn.partition);
    if (due !== undefined)
      return { ...created(turn, { holdSeconds: LEFT_HOLD_S, follow: [] }), followUp: followUp(due) };
    if (random() < contestedShare) return contested(turn);
    return created(turn, mix === 'all' ? storyOf(random()) : { holdSeconds: null, follow: [] });
  };
}

function next(counters: Map<string, number>, resource: string): number {
  const value = counters.get(resource) ?? 0;
  counters.set(resource, value + 1);
  return value;
}

function openSlot(count: number, capacity: number, random: () => number): SlotPlan {
  const slotStartMs = OPEN_SLOTS_FROM_MS + count * QUARTER_HOUR_MS;
  return {
    slotStartMs,
    slotEndMs: slotStartMs + QUARTER_HOUR_MS,
    quantity: 1 + Math.floor(random() * Math.min(3, capacity)),
  };
}

/** Half of the capacity each, every other one shifted by a quarter of an hour, so that overlap counts and not equality. */
function contestedSlot(count: number, capacity: number): SlotPlan {
  const slot = Math.floor(count / CONTESTED_RUN);
  const slotStartMs = CONTESTED_SLOTS_FROM_MS + slot * 4 * QUARTER_HOUR_MS + (count % 2) * QUARTER_HOUR_MS;
  return {
    slotStartMs,
    slotEndMs: slotStartMs + 2 * QUARTER_HOUR_MS,
    quantity: Math.min(1000, Math.ceil(capacity / 2)),
  };
}

function findResources(options: WorkloadOptions, random: () => number): string[][] {
  const wanted = options.resourcesPerPartition ?? 4;
  const found: string[][] = Array.from({ length: options.partitions }, () => []);
  const prefix = Math.floor(random() * 0x100000000)
    .toString(36)
    .padStart(7, '0');
  // Names hit partitions as balls hit urns; a hundred times the mean is beyond any luck.
  const limit = options.partitions * wanted * 100;
  let missing = options.partitions * wanted;
  for (let candidate = 0; missing > 0 && candidate < limit; candidate += 1) {
    const resource = `r-${prefix}-${candidate}`;
    const row = found[partitionOf(resourceKey(options.tenant, resource), options.partitions)];
    if (row === undefined || row.length >= wanted) continue;
    row.push(resource);
    missing -= 1;
  }
  return found;
}

function shuffle(values: number[], random: () => number): void {
  for (let at = values.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    const value = values[at] ?? 0;
    values[at] = values[other] ?? 0;
    values[other] = value;
  }
}

/** Numbers in [0, 1) from a 32-bit seed (mulberry32): small, fast, and the same everywhere. */
export function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
