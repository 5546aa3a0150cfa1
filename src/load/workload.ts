import { eventIdOf, partitionOf, resourceKey } from '../contract/ids.ts';

export interface WorkloadOptions {
  /** Tag of this run: everything it writes belongs to this tenant. */
  readonly tenant: string;
  readonly partitions: number;
  readonly seed: number;
  readonly resourcesPerPartition?: number;
  /** Capacity of a resource, as the service has it; decides how many reservations fill a slot. */
  readonly capacity: number;
  /** Share of operations that compete for contested slots, most of which end as `full`. */
  readonly contestedShare?: number;
}

/** One operation to ask for. The same number, seed and tenant always give the same one. */
export interface PlannedOperation {
  readonly idempotencyKey: string;
  readonly eventId: string;
  readonly resource: string;
  readonly partition: number;
  readonly slotStartMs: number;
  readonly slotEndMs: number;
  readonly quantity: number;
}

export interface Workload {
  readonly resources: readonly (readonly string[])[];
  /** Operations must be asked for in order, 0, 1, 2, …: slots are handed out as they come. */
  at(index: number): PlannedOperation;
}

const QUARTER_HOUR_MS = 900_000;
const OPEN_SLOTS_FROM_MS = Date.UTC(2040, 0, 1);
const CONTESTED_SLOTS_FROM_MS = Date.UTC(2200, 0, 1);
/** Contested operations on one slot before the next is opened: about two are accepted, the others find it full. */
const CONTESTED_RUN = 6;

/**
 * Plans operations that hit every partition equally: each round goes once over all partitions in an order of its own,
 * resources of a partition take turns. Most slots are used once (accepted), some are contested (full). Pure.
 */
export function planWorkload(options: WorkloadOptions): Workload {
  const random = randomFrom(options.seed);
  const resources = findResources(options, random);
  const perPartition = resources[0]?.length ?? 0;
  const order = Array.from({ length: options.partitions }, (_, partition) => partition);
  const openSlots = new Map<string, number>();
  const contestedSlots = new Map<string, number>();
  const contestedShare = options.contestedShare ?? 0.1;

  return {
    resources,
    at(index) {
      if (index % options.partitions === 0) shuffle(order, random);
      const partition = order[index % options.partitions] ?? 0;
      const round = Math.floor(index / options.partitions);
      const resource = resources[partition]?.[round % perPartition] ?? '';
      const slot =
        random() < contestedShare
          ? contestedSlot(next(contestedSlots, resource), options.capacity)
          : openSlot(next(openSlots, resource), options.capacity, random);
      const idempotencyKey = `${options.tenant}-${index}`;
      return {
        idempotencyKey,
        eventId: eventIdOf(options.tenant, idempotencyKey),
        resource,
        partition,
        ...slot,
      };
    },
  };
}

function next(counters: Map<string, number>, resource: string): number {
  const value = counters.get(resource) ?? 0;
  counters.set(resource, value + 1);
  return value;
}

type SlotPlan = Pick<PlannedOperation, 'slotStartMs' | 'slotEndMs' | 'quantity'>;

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
