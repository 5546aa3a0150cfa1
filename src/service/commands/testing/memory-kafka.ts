import type {
  EpochEnd,
  EpochWant,
  InRecord,
  OutRecord,
  PartitionAck,
  PartitionBatch,
  PartitionBounds,
  Reader,
  ReadPosition,
  RecordBatch,
} from '../../../clients/kafka/ports.ts';
import { TOPICS } from '../../../contract/records.ts';

/** Records a fetch answers with at most: a log takes several. */
const FETCH = 7;

/** The log of one partition: what was ever written stays known, `start` says what is still there. */
export class MemoryLog {
  readonly topicId: string;
  records: InRecord[] = [];
  start = 0n;
  end = 0n;
  leaderEpoch = 0;

  constructor(topicId: string) {
    this.topicId = topicId;
  }

  /** Appends a record at an offset (holes are allowed), and answers the offset. */
  append({ key, value, headers }: OutRecord, timestampMs: number, offset = this.end): bigint {
    this.records.push({ offset, leaderEpoch: this.leaderEpoch, timestampMs, key, value, headers });
    this.end = offset + 1n;
    return offset;
  }

  deleteBefore(offset: bigint): void {
    if (offset > this.start) this.start = offset;
  }

  /** An unclean election: what was written from here on is gone, and another leader goes on. */
  cutFrom(offset: bigint): void {
    this.records = this.records.filter((record) => record.offset < offset);
    this.end = offset;
    this.leaderEpoch += 1;
  }

  /** Of each key only the last record stays. */
  compact(): void {
    const last = new Map(this.records.map(({ key, offset }) => [key?.toString('hex'), offset]));
    this.records = this.records.filter(({ key, offset }) => last.get(key?.toString('hex')) === offset);
  }

  /** What the leader answers (Kafka's LeaderEpochFileCache.endOffsetFor). */
  epochEnd(asked: number): { leaderEpoch: number; endOffset: bigint } {
    if (asked === this.leaderEpoch) return { leaderEpoch: asked, endOffset: this.end };
    if (asked > this.leaderEpoch) return { leaderEpoch: -1, endOffset: -1n };
    const after = this.records.find((record) => record.leaderEpoch > asked);
    return { leaderEpoch: asked, endOffset: after?.offset ?? this.end };
  }
}

/** Kafka in memory, one partition of each topic of the service: as much of the ports as the commands role needs. */
export class MemoryKafka {
  readonly partition: number;
  commands = new MemoryLog('commands-id');
  events = new MemoryLog('events-id');
  readonly snapshots = new MemoryLog('snapshots-id');
  /** Called before each record is written; throwing means that it is not. */
  onSend: (topic: string) => void = () => {};

  constructor(partition: number) {
    this.partition = partition;
  }

  log(topic: string): MemoryLog {
    if (topic === TOPICS.commands) return this.commands;
    return topic === TOPICS.events ? this.events : this.snapshots;
  }

  async send({ topic, partition, records }: PartitionBatch): Promise<PartitionAck> {
    await Promise.resolve();
    const log = this.log(topic);
    const baseOffset = log.end;
    for (const record of records) {
      this.onSend(topic);
      log.append(record, 0);
    }
    return { topic, partition, baseOffset, count: records.length };
  }

  async bounds(topics: readonly string[]): Promise<PartitionBounds[]> {
    return topics.map((topic) => {
      const { topicId, start, end, leaderEpoch } = this.log(topic);
      const { partition } = this;
      return { topic, topicId, partition, startOffset: start, endOffset: end, leaderEpoch };
    });
  }

  async epochEnds(wants: readonly EpochWant[]): Promise<EpochEnd[]> {
    return wants.map(({ topic, partition, leaderEpoch }) => ({
      ...{ topic, partition },
      ...this.log(topic).epochEnd(leaderEpoch),
    }));
  }

  open(positions: readonly ReadPosition[]): Reader {
    const open = new Map(positions.map((position) => [position.topic, position.nextOffset]));
    return {
      next: async () => {
        for (const [topic, nextOffset] of open) {
          const batch = this.fetch(topic, nextOffset);
          if (batch === undefined) continue;
          open.set(topic, batch.nextOffset);
          return batch;
        }
        return undefined;
      },
      seek: (topic, _, nextOffset) => void open.set(topic, nextOffset),
      stalled: () => [],
      close: async () => {},
    };
  }

  /** The next records of a topic, or undefined at its end. */
  fetch(topic: string, nextOffset: bigint, most = FETCH): RecordBatch | undefined {
    const { topicId, records, start, end } = this.log(topic);
    if (nextOffset < start || nextOffset > end) throw new RangeError(`${topic} @ ${nextOffset} is not there`);
    if (nextOffset === end) return undefined;
    const rest = records.filter(({ offset }) => offset >= nextOffset);
    const taken = rest.slice(0, most);
    const isLast = taken.length === rest.length;
    const { partition } = this;
    return {
      ...{ topic, topicId, partition, records: taken, highWatermark: end },
      nextOffset: isLast ? end : (taken.at(-1)?.offset ?? end) + 1n,
    };
  }
}
