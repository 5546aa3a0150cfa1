import { PartitionBatcher } from '../../clients/kafka/batcher.ts';
import type { LearningProduce, Read } from '../../clients/kafka/ports.ts';
import { certainlyNotWritten } from '../../clients/kafka/produce-error.ts';
import type { Trim } from '../../clients/kafka/trim.ts';
import { waitFor } from '../../core/wait.ts';
import { type Schedule, startSchedule } from '../../load/schedule.ts';
import { type LogEdges, type LogsBack, readBack, type WrittenLogs } from './kafka-log.ts';
import type { ProbeWrite, StoreProbe } from './probe.ts';

const MOST_WRITES = 200_000;
const MOST_UNDER_WAY = 4000;
/** Longer than a broker that died is still believed to lead (broker.session.timeout.ms, 9 s by default). */
const SEND_MS = 20_000;
/** What is left to be taken away at the end is looked at once more; a run that failed waits for no more than this. */
const CLOSE_MS = 10_000;
const READ_MS = 60_000;

export interface KafkaProbeOptions {
  readonly topic: string;
  /** From 0 on. */
  readonly partitions: number;
  /** Partitions that the fault strikes. */
  readonly struck: readonly number[];
  /** What an acknowledgement means: "acks=all, idempotent". */
  readonly acks: string;
  /** Makes the topic where it is missing. */
  readonly makeTopic: () => Promise<void>;
  /** The probe closes it. A record must be sent under one producer id only, or it could stand twice. */
  readonly openProduce: () => Promise<LearningProduce>;
  readonly read: Pick<Read, 'bounds' | 'open'>;
  /** The probe closes it. */
  readonly openTrim: () => Trim;
  readonly runId: string;
  /** Over all partitions, in turn. */
  readonly ratePerS: number;
  /** One request. */
  readonly timeoutMs: number;
  readonly monoNs: () => bigint;
}

/** `_uplift.probe/3`: what is struck as one, and one place that has all of it. */
export const groupOf = (topic: string, partition: number): string => `${topic}/${partition}`;

/**
 * Writes records of its own at a fixed rate over all partitions of one topic; as in the service, those of a partition that
 * wait for its turn share a send. The value of a record is its id, `<run id>:<n>`, readable with any console consumer.
 */
export function kafkaProbe(options: KafkaProbeOptions): StoreProbe {
  const { topic, partitions, runId, ratePerS, monoNs } = options;
  const writes: ProbeWrite[] = [];
  const underWay = new Set<Promise<void>>();
  let produce: LearningProduce | undefined;
  let batcher: PartitionBatcher | undefined;
  let logs: WrittenLogs | undefined;
  let back: LogsBack | undefined;
  let schedule: Schedule | undefined;
  const issue = (index: number): void => {
    if (batcher === undefined || index >= MOST_WRITES) return;
    const id = `${runId}:${index}`;
    const partition = index % partitions;
    const full = underWay.size >= MOST_UNDER_WAY;
    const ending = full
      ? Promise.resolve<ProbeWrite['outcome']>('fail')
      : writeOne(batcher, topic, partition, id);
    const work = ending.then((outcome) => {
      writes.push({ id, group: groupOf(topic, partition), endedNs: monoNs(), outcome });
      underWay.delete(work);
    });
    underWay.add(work);
  };
  const halt = async (): Promise<void> => {
    schedule?.stop();
    await Promise.all(underWay);
  };
  const lookBack = async (timeoutMs: number): Promise<LogsBack> => {
    if (logs === undefined) return NOTHING;
    back = await readBack(options.read, logs, timeoutMs);
    return back;
  };
  return {
    store: 'Kafka',
    durability: `topic ${topic} of ${partitions} partitions, ${options.acks}, ${ratePerS}/s`,
    struck: new Set(options.struck.map((partition) => groupOf(topic, partition))),
    writes: () => writes,
    async start() {
      await options.makeTopic();
      const opened = await options.openProduce();
      produce = opened;
      batcher = new PartitionBatcher(opened);
      logs = { topic, runId, begins: await edgesOf(options) };
      const learn = async (): Promise<boolean> => {
        await opened.learn(topic, { timeoutMs: options.timeoutMs });
        return true;
      };
      await waitFor(learn, { what: `the leaders of ${topic} known`, timeoutMs: options.timeoutMs });
      const nowUs = (): number => Number(monoNs() / 1000n);
      schedule = startSchedule({ ratePerS, startUs: nowUs(), nowUs, issue });
    },
    stop: halt,
    async read() {
      const { places, unread } = await lookBack(READ_MS);
      if ((schedule?.planned() ?? 0) <= MOST_WRITES) return { places, unread };
      return { places, unread: [...unread, `the probe in Kafka stopped at ${MOST_WRITES} writes`] };
    },
    async close({ keep = false } = {}) {
      await halt();
      await produce?.close();
      produce = undefined;
      const { trimmable } = keep ? NOTHING : (back ?? (await lookBack(CLOSE_MS)));
      logs = undefined;
      if (trimmable.length === 0) return;
      const trim = options.openTrim();
      // Best effort: what is left ends with the retention of the topic.
      await trim.below(trimmable, { timeoutMs: CLOSE_MS }).catch(() => undefined);
      await trim.close();
      back = NOTHING;
    },
  };
}

const NOTHING: LogsBack = { places: [], unread: [], trimmable: [] };

/** One record. What was refused before it was sent, or by Kafka as such, stands nowhere; whatever else failed is not known. */
async function writeOne(
  batcher: PartitionBatcher,
  topic: string,
  partition: number,
  id: string,
): Promise<ProbeWrite['outcome']> {
  const record = { key: null, value: Buffer.from(id), headers: [] };
  try {
    await batcher.append(topic, partition, record, SEND_MS);
    return 'ok';
  } catch (error) {
    return certainlyNotWritten(error) ? 'fail' : 'info';
  }
}

/** Where each log stands before the first write. Throws where a partition is missing. */
async function edgesOf({ read, topic, partitions, timeoutMs }: KafkaProbeOptions): Promise<LogEdges[]> {
  const all = await read.bounds([topic], { timeoutMs });
  if (all.length === partitions) return all;
  throw new Error(`${topic} has ${all.length} partitions, not ${partitions}`);
}
