/** What an operation about an existing reservation asks for. */
export type FollowUpVerb = 'confirm' | 'change' | 'cancel';
/** What an operation of a load asks for; `hold` is a create that has to be confirmed. */
export const VERBS = ['create', 'hold', 'confirm', 'change', 'cancel'] as const;
export type LoadVerb = (typeof VERBS)[number];

/** How a reservation is made, and what is asked of it afterwards, in order. */
export interface Story {
  /** Null: reserved at once. */
  readonly holdSeconds: number | null;
  readonly follow: readonly FollowUpVerb[];
}

/** Longer than it takes until the confirmation is due, with some room for a service that is away. */
const CONFIRMED_HOLD_S = 30;
/** A hold that nobody confirms. */
export const LEFT_HOLD_S = 10;
/** Shorter than any confirmation takes. */
const TOO_SHORT_HOLD_S = 2;
export const CONTESTED_HOLD_S = 10;

/** Shares of creates; every story ends what it began. */
const STORIES: readonly (readonly [share: number, story: Story])[] = [
  [0.38, { holdSeconds: null, follow: ['cancel'] }],
  [0.02, { holdSeconds: null, follow: ['confirm', 'cancel'] }],
  [0.2, { holdSeconds: null, follow: ['change', 'cancel'] }],
  [0.2, { holdSeconds: CONFIRMED_HOLD_S, follow: ['confirm', 'cancel'] }],
  [0.08, { holdSeconds: CONFIRMED_HOLD_S, follow: ['cancel'] }],
  [0.08, { holdSeconds: LEFT_HOLD_S, follow: [] }],
  [0.04, { holdSeconds: TOO_SHORT_HOLD_S, follow: ['confirm'] }],
];

/** The story that a number in [0, 1) stands for. */
export function storyOf(at: number): Story {
  let sum = 0;
  for (const [share, story] of STORIES) {
    sum += share;
    if (at < sum) return story;
  }
  return { holdSeconds: LEFT_HOLD_S, follow: [] };
}

/** A follow-up that waits for its turn. */
export interface Pending {
  readonly verb: FollowUpVerb;
  /** Number of the operation that makes the reservation. */
  readonly of: number;
  readonly last: boolean;
  readonly resource: string;
}

export interface FollowUpQueue {
  /** Puts one where it comes some seconds after operation `after` at the earliest; answers from which number on. */
  add(after: number, partition: number, pending: Pending): number;
  /** Takes the one that has waited longest on a partition, if one is due at this number. */
  due(index: number, partition: number): Pending | undefined;
}

/** Follow-ups by partition, in the order in which they are due. */
export function followUpQueue(
  { ratePerS, partitions }: { readonly ratePerS: number; readonly partitions: number },
  { from, to }: { readonly from: number; readonly to: number },
  random: () => number,
): FollowUpQueue {
  const waiting: { readonly dueFrom: number; readonly pending: Pending }[][] = Array.from(
    { length: partitions },
    () => [],
  );
  return {
    add(after, partition, pending) {
      const dueFrom = after + Math.max(1, Math.round(ratePerS * (from + random() * (to - from))));
      const list = waiting[partition] ?? [];
      const behind = list.findLastIndex((other) => other.dueFrom <= dueFrom);
      list.splice(behind + 1, 0, { dueFrom, pending });
      return dueFrom;
    },
    due(index, partition) {
      const list = waiting[partition] ?? [];
      const [first] = list;
      if (first === undefined || first.dueFrom > index) return undefined;
      return list.shift()?.pending;
    },
  };
}
