import { readHistory } from './history-reader.ts';
import { openTimeline, type Second } from './timeline.ts';

/** What a history says of each second since its load began. */
export interface HistorySeconds {
  /** The machine's monotonic clock when the load began, ns. */
  readonly startedNs: bigint;
  readonly seconds: readonly Second[];
}

/**
 * Folds a history into its seconds, as they were seen while it was written: by completion, latency from the intended time
 * of the first attempt. Streams it; memory grows with what is in flight and what was never acknowledged. Throws
 * UPL-INPUT-INVALID.
 */
export async function secondsOfHistory(path: string): Promise<HistorySeconds> {
  const timeline = openTimeline({ maxAcks: 0 });
  const inFlight = new Map<number, { readonly event: string; readonly partition: number }>();
  const dueUs = new Map<string, number>();
  let lastUs = 0;
  const { header, end } = await readHistory(path, (entry) => {
    if (entry.t === 'read') return;
    if (entry.t === 'invoke') {
      inFlight.set(entry.op, entry);
      if (!dueUs.has(entry.event)) dueUs.set(entry.event, entry.dueUs);
      return;
    }
    const invoked = inFlight.get(entry.op);
    if (invoked === undefined) return;
    inFlight.delete(entry.op);
    lastUs = Math.max(lastUs, entry.atUs);
    if (entry.t !== 'ok') return timeline.failure(entry.t, entry.atUs);
    timeline.ok(entry.atUs, entry.atUs - (dueUs.get(invoked.event) ?? entry.atUs), invoked.partition);
    dueUs.delete(invoked.event);
  });
  const untilUs = Math.ceil((end?.atUs ?? lastUs) / 1_000_000) * 1_000_000;
  return { startedNs: BigInt(header.monoNs), seconds: timeline.seconds(untilUs) };
}
