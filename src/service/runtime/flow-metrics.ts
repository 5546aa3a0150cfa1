import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type {
  PartitionAck,
  PartitionBatch,
  Produce,
  Read,
  Reader,
  ReadPosition,
} from '../../clients/kafka/ports.ts';
import { isUpliftError } from '../../core/error.ts';

/** A partition without a successful fetch for so long is stalled, for the gauge. */
const STALLED_MS = 10_000;
const BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30];

/** What Kafka said of records: `unknown` ones may stand in the log, `refused` ones certainly do not. */
type SendResult = 'acknowledged' | 'unknown' | 'refused';

/** Counts and times what goes through this Produce, by topic. */
export function meteredProduce(produce: Produce, registry: Registry): Produce {
  const registers = [registry];
  const records = new Counter({
    name: 'uplift_producer_records_total',
    help: 'Records sent to Kafka, by what came of them',
    labelNames: ['topic', 'result'],
    registers,
  });
  const duration = new Histogram({
    name: 'uplift_producer_send_duration_seconds',
    help: 'Time until all in-sync replicas had the records of one send, waiting behind others included',
    labelNames: ['topic'],
    buckets: BUCKETS_S,
    registers,
  });
  const send = async (
    batch: PartitionBatch,
    options: { readonly deadlineMs: number },
  ): Promise<PartitionAck> => {
    const { topic } = batch;
    const startedMs = performance.now();
    let result: SendResult = 'acknowledged';
    try {
      return await produce.send(batch, options);
    } catch (error) {
      result = isUpliftError(error) && error.code !== 'UPL-KAFKA-PRODUCE' ? 'refused' : 'unknown';
      throw error;
    } finally {
      records.inc({ topic, result }, batch.records.length);
      if (result === 'acknowledged') duration.observe({ topic }, (performance.now() - startedMs) / 1000);
    }
  };
  return { send, close: () => produce.close() };
}

interface OpenReader {
  readonly topic: string;
  readonly reader: Reader;
  /** Records behind the end of the log, by partition, as of the last batch. */
  readonly behind: Map<number, number>;
}

/** Counts what is read through this Read, by topic: sums over partitions, of which there may be many. */
export function meteredRead(read: Read, registry: Registry): Read {
  const registers = [registry];
  const labelNames = ['topic'] as const;
  const records = new Counter({
    name: 'uplift_consumer_records_total',
    help: 'Records read from Kafka',
    labelNames,
    registers,
  });
  const errors = new Counter({
    name: 'uplift_consumer_poll_errors_total',
    help: 'Reads that failed for good: the position is not in the log, or the topic is another one',
    labelNames,
    registers,
  });
  const open = new Set<OpenReader>();
  showReaders(open, registers);
  return {
    bounds: (topics, options) => read.bounds(topics, options),
    offsetsAt: (wants, options) => read.offsetsAt(wants, options),
    epochEnds: (wants, options) => read.epochEnds(wants, options),
    close: () => read.close(),
    open: (positions, options) => {
      const each = openReader(read.open(positions, options), positions);
      open.add(each);
      errors.inc({ topic: each.topic }, 0);
      return metered(each, { records, errors, onClose: () => open.delete(each) });
    },
  };
}

function openReader(reader: Reader, positions: readonly ReadPosition[]): OpenReader {
  return { topic: positions[0]?.topic ?? 'none', reader, behind: new Map() };
}

interface ReaderCounts {
  readonly records: Counter<'topic'>;
  readonly errors: Counter<'topic'>;
  readonly onClose: () => void;
}

function metered({ topic, reader, behind }: OpenReader, { records, errors, onClose }: ReaderCounts): Reader {
  return {
    next: async (waitMs) => {
      try {
        const batch = await reader.next(waitMs);
        if (batch === undefined) return undefined;
        records.inc({ topic: batch.topic }, batch.records.length);
        behind.set(batch.partition, Number(batch.highWatermark - batch.nextOffset));
        return batch;
      } catch (error) {
        errors.inc({ topic });
        throw error;
      }
    },
    seek: (...to) => reader.seek(...to),
    stalled: (olderThanMs) => reader.stalled(olderThanMs),
    close: () => {
      onClose();
      return reader.close();
    },
  };
}

function showReaders(open: ReadonlySet<OpenReader>, registers: Registry[]): void {
  const gauge = (name: string, help: string, of: (reader: OpenReader) => number): void => {
    new Gauge({
      name,
      help,
      labelNames: ['topic'],
      registers,
      collect() {
        this.reset();
        for (const each of open) this.inc({ topic: each.topic }, of(each));
      },
    });
  };
  gauge(
    'uplift_consumer_lag_records',
    'Records in the log behind the last batch that was read',
    ({ behind }) => [...behind.values()].reduce((sum, records) => sum + Math.max(0, records), 0),
  );
  gauge(
    'uplift_consumer_stalled_partitions',
    'Partitions without a successful read for ten seconds',
    ({ reader }) => reader.stalled(STALLED_MS).length,
  );
}
