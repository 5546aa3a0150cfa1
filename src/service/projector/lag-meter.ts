import type { RecordBatch } from '../../clients/kafka/ports.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Position } from './fold.ts';

/** Keeps the two lag gauges true: records behind the last seen ends, and the age of the oldest event in hand. */
export class LagMeter {
  readonly #metrics: Pick<Metrics, 'projectionLagRecords' | 'projectionLagMs'>;
  /** High watermark per partition, as last seen. */
  readonly #ends = new Map<number, bigint>();

  constructor(metrics: Pick<Metrics, 'projectionLagRecords' | 'projectionLagMs'>) {
    this.#metrics = metrics;
  }

  seen(partition: number, endOffset: bigint): void {
    this.#ends.set(partition, endOffset);
  }

  /** As of now; the age of the oldest record of the last batch counts while behind. */
  measure(positions: ReadonlyMap<number, Position>, batches: readonly RecordBatch[]): void {
    let behind = 0n;
    for (const [partition, { nextOffset }] of positions) {
      const end = this.#ends.get(partition) ?? nextOffset;
      if (end > nextOffset) behind += end - nextOffset;
    }
    const { projectionLagRecords, projectionLagMs } = this.#metrics;
    projectionLagRecords.set(Number(behind));
    const oldest = Math.min(
      ...batches.map((batch) => batch.records[0]?.timestampMs ?? Number.POSITIVE_INFINITY),
    );
    if (Number.isFinite(oldest)) projectionLagMs.set(Math.max(0, Date.now() - oldest));
    else if (behind === 0n) projectionLagMs.set(0);
  }
}
