import type { PartitionOffset } from '../../clients/kafka/group-ports.ts';
import type { PartitionBounds, Read } from '../../clients/kafka/ports.ts';
import { reasonOf } from '../../core/error.ts';
import { readSlices, type Slice } from '../../facts/kafka/slices.ts';
import type { ProbeRead, ProbeReads } from './probe.ts';

/** The two ends of one partition's log at a moment. */
export type LogEdges = Pick<PartitionBounds, 'topicId' | 'partition' | 'startOffset' | 'endOffset'>;

/** A topic that one run wrote to, and where its logs stood before. */
export interface WrittenLogs {
  readonly topic: string;
  readonly runId: string;
  readonly begins: readonly LogEdges[];
}

/** What stands in the logs since the run began to write. */
export interface LogsBack extends ProbeReads {
  /** Logs that hold records of this run and nothing else, with their ends: they can be emptied. */
  readonly trimmable: readonly PartitionOffset[];
}

interface Found {
  readonly ids: string[];
  /** Records of somebody else at or after `beganAt`. */
  others: number;
  readonly beganAt: bigint;
}

/**
 * Reads every partition to its end, whatever was acknowledged, and from its beginning: a log that was cut may hold records
 * of the run below where the run began. Never throws: what cannot be read is named.
 */
export async function readBack(
  read: Pick<Read, 'bounds' | 'open'>,
  logs: WrittenLogs,
  timeoutMs: number,
): Promise<LogsBack> {
  const { topic, begins } = logs;
  try {
    const now = await read.bounds([topic], { timeoutMs });
    const { slices, unread } = slicesOf(logs, now);
    const found = new Map(
      begins.map(({ partition, endOffset: beganAt }): [number, Found] => [
        partition,
        { ids: [], others: 0, beganAt },
      ]),
    );
    const { unread: cut } = await readSlices({
      read,
      slices,
      limits: { timeoutMs },
      add: ({ partition }, { offset, value }) => {
        const own = found.get(partition);
        const id = value?.toString('utf8') ?? '';
        if (id.startsWith(`${logs.runId}:`)) own?.ids.push(id);
        else if (own !== undefined && offset >= own.beganAt) own.others += 1;
      },
    });
    const late = cut.map(({ partition }) => `${topic}/${partition} was not read to its end`);
    const whole = slices.filter(({ partition }) => !cut.some((slice) => slice.partition === partition));
    const foreign = whole.filter(({ partition }) => (found.get(partition)?.others ?? 0) > 0);
    return {
      places: whole.map(({ partition }): ProbeRead => {
        const place = `${topic}/${partition}`;
        return { place, group: place, ids: found.get(partition)?.ids ?? [] };
      }),
      unread: [
        ...unread,
        ...late,
        ...foreign.map(({ partition }) => `${topic}/${partition} holds records of somebody else`),
      ],
      trimmable: whole
        .filter((slice) => !foreign.includes(slice) && wasEmpty(begins, slice))
        .filter(({ fromOffset, endOffset }) => endOffset > fromOffset)
        .map(({ partition, endOffset }) => ({ topic, partition, offset: endOffset })),
    };
  } catch (error) {
    return { places: [], unread: [`${topic} could not be read back: ${reasonOf(error)}`], trimmable: [] };
  }
}

/** What a killed run left before this one is not this run's to take away: its retention ends it. */
function wasEmpty(begins: readonly LogEdges[], { partition }: Slice): boolean {
  const begin = begins.find((one) => one.partition === partition);
  return begin !== undefined && begin.startOffset === begin.endOffset;
}

/** Pure: each log as it stands, and those whose records of the run may be gone for another reason than a loss. */
function slicesOf(
  { topic, begins }: WrittenLogs,
  now: readonly LogEdges[],
): { readonly slices: Slice[]; readonly unread: string[] } {
  const slices: Slice[] = [];
  const unread: string[] = [];
  for (const { partition, topicId, endOffset: beganAt } of begins) {
    const is = now.find((one) => one.partition === partition);
    if (is === undefined || is.topicId !== topicId)
      unread.push(`${topic}/${partition} is gone or was made again`);
    else if (is.startOffset > beganAt)
      unread.push(`${topic}/${partition} begins at ${is.startOffset} by now, after records of the probe`);
    else slices.push({ topic, topicId, partition, fromOffset: is.startOffset, endOffset: is.endOffset });
  }
  return { slices, unread };
}
