import type { RecordBatch } from '../../../clients/kafka/ports.ts';
import { TOPICS } from '../../../contract/records.ts';
import { PartitionOwner } from '../partition.ts';
import { beginnings, cannotReadFrom } from '../restore.ts';
import type { Manifest } from '../snapshots/manifest.ts';
import { SnapshotWriter } from '../snapshots/writer.ts';
import type { MemoryKafka } from './memory-kafka.ts';

export const PARTITIONS = 24;

/** One life of the owner of a partition over logs in memory, step by step: no timers, nothing happens by itself. */
export class Life {
  readonly owner: PartitionOwner;
  readonly writer: SnapshotWriter;
  readonly stopped: string[] = [];
  /** Whether it began with a snapshot. */
  fromSnapshot = false;
  /** Events it read to restore. */
  restored = 0;
  readonly #kafka: MemoryKafka;
  #eventsAt = 0n;
  #commandsAt = 0n;

  static async begin(kafka: MemoryKafka, partitions = PARTITIONS): Promise<Life> {
    const life = new Life(kafka, partitions);
    await life.#restore(partitions);
    return life;
  }

  private constructor(kafka: MemoryKafka, partitions: number) {
    this.#kafka = kafka;
    const topicIds = { commands: kafka.commands.topicId, events: kafka.events.topicId };
    const { signal } = new AbortController();
    // Small chunks: a few reservations fill several.
    const deps = { read: kafka, produce: kafka, topicIds, partitions, signal, chunkBytes: 600 };
    this.writer = new SnapshotWriter(deps);
    this.owner = new PartitionOwner({
      partition: kafka.partition,
      produce: kafka,
      sendDeadlineMs: 1000,
      eventSchema: 2,
      commandsTopicId: topicIds.commands,
      onDecided: () => {},
      onStopped: (_, reason) => this.stopped.push(reason),
      onReadFrom: (_, next) => {
        this.#commandsAt = next;
      },
      onReset: (_, reason) => this.stopped.push(`reset: ${reason}`),
    });
  }

  async #restore(partitions: number): Promise<void> {
    const kafka = this.#kafka;
    const { partition } = kafka;
    const topicIds = { commands: kafka.commands.topicId, events: kafka.events.topicId };
    const { signal } = new AbortController();
    const found = await beginnings({ read: kafka, topicIds, partitions, signal }, [partition]);
    const beginning = found.get(partition);
    if (beginning === undefined || beginning.kind === 'stop') {
      this.owner.stop(beginning?.reason ?? 'no answer');
      return;
    }
    const { base, restoreTo, slots, misfits, taken } = beginning;
    this.fromSnapshot = taken !== undefined;
    this.writer.learn(partition, slots, misfits);
    this.#eventsAt = base.events.nextOffset;
    this.owner.restore(base, restoreTo);
    this.restored = this.tail();
    const bounds = (await kafka.bounds([TOPICS.commands]))[0];
    const trouble = bounds === undefined ? 'no answer' : cannotReadFrom(this.#commandsAt, bounds);
    if (trouble !== undefined) this.owner.stop(trouble);
    else this.owner.resume(this.#commandsAt);
  }

  /** Reads its events to their end; answers how many. */
  tail(): number {
    let count = 0;
    for (;;) {
      const batch = this.#kafka.fetch(TOPICS.events, this.#eventsAt);
      if (batch === undefined) return count;
      this.#eventsAt = batch.nextOffset;
      count += batch.records.length;
      this.owner.onEvents(batch);
    }
  }

  /** Takes at most so many commands, and writes what it decides. */
  async take(most: number): Promise<RecordBatch | undefined> {
    if (this.owner.phase !== 'deciding') return undefined;
    const batch = this.#kafka.fetch(TOPICS.commands, this.#commandsAt, most);
    if (batch === undefined) return undefined;
    this.#commandsAt = batch.nextOffset;
    this.owner.onCommands(batch);
    await this.owner.idle();
    return batch;
  }

  async takeAll(): Promise<void> {
    while ((await this.take(20)) !== undefined) this.tail();
  }

  /** Writes a snapshot of now; undefined when there is nothing to write. */
  async snapshot(): Promise<Manifest | undefined> {
    const capture = this.owner.capture();
    this.tail();
    await this.owner.end();
    const covered = await capture;
    return covered === undefined ? undefined : this.writer.write(this.#kafka.partition, covered);
  }
}
