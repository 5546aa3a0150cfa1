import { withDeadline } from '../../core/wait.ts';
import type { SentCommand } from './traces.ts';

/** How long, and until when, the projection may be waited for. */
export interface SettleWait {
  readonly timeoutMs: number;
  readonly intervalMs: number;
  readonly signal: AbortSignal;
}

export interface DecidedDeps<At> {
  /** What the projection shows now. */
  readonly look: (tenant: string, operationId: string) => Promise<At | undefined>;
  /** Waits until all that stood in this partition of the commands is in the projection; throws when it is not in time. */
  readonly settle: (partition: number, wait: SettleWait) => Promise<unknown>;
}

/** Positions are told about once a second (commit-positions.ts), and the projection is behind by less when all is well. */
const WAIT: Omit<SettleWait, 'signal'> = { timeoutMs: 2500, intervalMs: 250 };
/** A client is waiting, and comes again. */
const LONGEST_MS = 6000;

/**
 * Whether an operation was decided, for certain. A projection that shows no decision may only be behind: "not decided"
 * counts when it has passed everything that stood in the partition when it was asked. Throws while that is not so.
 */
export function decidedForCertain<At>(
  { look, settle }: DecidedDeps<At>,
  longestMs = LONGEST_MS,
): (operation: SentCommand) => Promise<At | undefined> {
  return async ({ tenant, operationId, partition }) => {
    const at = await look(tenant, operationId);
    if (at !== undefined) return at;
    const settled = settle(partition, { ...WAIT, signal: AbortSignal.timeout(longestMs) });
    await withDeadline('the projection to pass what was sent before', longestMs, settled);
    return look(tenant, operationId);
  };
}
