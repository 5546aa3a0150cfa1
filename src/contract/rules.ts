/**
 * Rules of the reference service. They stand in the contract because whoever checks for overselling must know them, and
 * whoever writes a change of rules into the log. Version 1 holds until a `rules` command changes it (S1).
 */
export interface Rules {
  readonly version: number;
  /** Units of one resource that may be reserved at any instant. */
  readonly capacityPerResource: number;
  /** Units that one reservation may take. */
  readonly largestQuantity: number;
  readonly longestHoldMs: number;
  /** Holds that one tick may end; the others end with the next ones. */
  readonly expiriesPerTick: number;
}

/** Capacity of every resource at any instant, under every version of the rules there is. */
export const CAPACITY_PER_RESOURCE = 100;

const VERSION_1: Rules = {
  version: 1,
  capacityPerResource: CAPACITY_PER_RESOURCE,
  largestQuantity: CAPACITY_PER_RESOURCE,
  longestHoldMs: 900_000,
  expiriesPerTick: 100,
};

/** Version 2 lets nobody take more than half of a resource at once. A version that was released never changes. */
export const RULES: ReadonlyMap<number, Rules> = new Map(
  [VERSION_1, { ...VERSION_1, version: 2, largestQuantity: CAPACITY_PER_RESOURCE / 2 }].map((rules) => [
    rules.version,
    rules,
  ]),
);

/** Longest hold that any of these rules allow. */
export const LONGEST_HOLD_MS = Math.max(...[...RULES.values()].map(({ longestHoldMs }) => longestHoldMs));

export const NEWEST_RULES = Math.max(...RULES.keys());
