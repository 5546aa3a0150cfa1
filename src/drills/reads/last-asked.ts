import type { PartitionBounds, Read } from '../../clients/kafka/ports.ts';
import { UpliftError } from '../../core/error.ts';
import { readSlices } from '../../facts/kafka/slices.ts';

const FIRST_LOOK = 200n;
const WIDER = 8n;

/**
 * The last command of each partition that has to be decided: ticks, which the service writes for itself, need not be.
 * Looks back from the ends, further and further where it finds nothing but ticks. A partition without any is left out.
 */
export async function lastAsked(
  read: Pick<Read, 'open'>,
  bounds: readonly PartitionBounds[],
  deadlineMs: number,
): Promise<ReadonlyMap<number, bigint>> {
  const found = new Map<number, bigint>();
  let open = bounds.filter(({ startOffset, endOffset }) => endOffset > startOffset);
  let depth = FIRST_LOOK;
  const endsAtMs = performance.now() + deadlineMs;
  while (open.length > 0) {
    const slices = open.map((bound) => ({
      ...bound,
      fromOffset: max(bound.startOffset, bound.endOffset - depth),
    }));
    const { unread } = await readSlices({
      read,
      slices,
      add: ({ partition }, { offset, value }) => {
        if (!isTick(value)) found.set(partition, offset);
      },
      limits: { timeoutMs: Math.max(1, endsAtMs - performance.now()) },
    });
    if (unread.length > 0)
      throw new UpliftError('UPL-DEADLINE', {
        message: `The last commands of ${unread.length} partitions were not read within ${deadlineMs} ms`,
      });
    open = open.filter(
      ({ partition, startOffset, endOffset }) => !found.has(partition) && endOffset - depth > startOffset,
    );
    depth *= WIDER;
  }
  return found;
}

/** A tick by its value alone; whatever cannot be read is decided too (as unparseable). */
export function isTick(value: Buffer | null): boolean {
  if (value === null) return false;
  try {
    const parsed: unknown = JSON.parse(value.toString('utf8'));
    return typeof parsed === 'object' && parsed !== null && 'type' in parsed && parsed.type === 'tick';
  } catch {
    return false;
  }
}

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
