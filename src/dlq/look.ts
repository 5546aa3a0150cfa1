import type { Cluster, ClusterState, ConfigEntry, PartitionBounds, Read } from '../clients/kafka/ports.ts';
import { readSlices, type SlicesRead } from '../facts/kafka/slices.ts';
import type { DlqFacts } from './facts.ts';
import { type LetterSeen, seeLetter } from './letters.ts';
import type { DlqSource } from './sources.ts';
import {
  byTargetPartition,
  coverageOf,
  foldReplays,
  keyIn,
  scanSlices,
  sinceMs,
  type TargetScan,
} from './target-scan.ts';

export interface DlqPorts {
  readonly cluster: Pick<Cluster, 'describe' | 'topicConfigs'>;
  readonly read: Pick<Read, 'bounds' | 'offsetsAt' | 'open'>;
}

export interface LookRequest {
  readonly ports: DlqPorts;
  readonly region: string;
  readonly state: ClusterState;
  readonly source: DlqSource;
  readonly nowMs: number;
  /** One request. */
  readonly requestTimeoutMs: number;
  /** Reading the dead letters, and again reading the target log: each at most this long. */
  readonly readTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** What one look reads of a dead letter topic at most. */
export const MAX_LETTERS = 100_000;
const MAX_LETTER_BYTES = 256 * 1024 * 1024;
const MAX_MESSAGE_BYTES_DEFAULT = 1_048_588;
const EMPTY_SCAN: TargetScan = { replays: new Map(), coverage: new Map(), newest: new Map(), records: 0 };

/**
 * Reads a dead letter topic up to the ends it has now, and its target topic from where replays of those letters can
 * stand up to the ends it has now. What a limit cut off is told. The dead letter topic must be in the cluster.
 */
export async function lookAtDlq(request: LookRequest): Promise<DlqFacts> {
  const { ports, state, source, requestTimeoutMs: timeoutMs } = request;
  const target = state.topics.find(({ name }) => name === source.target);
  const topics = [source.dlq, ...(target === undefined ? [] : [target.name])];
  const [bounds, configs] = await Promise.all([
    ports.read.bounds(topics, { timeoutMs }),
    ports.cluster.topicConfigs(topics, { timeoutMs }),
  ]);
  const dlqBounds = bounds.filter(({ topic }) => topic === source.dlq);
  const targetBounds = bounds.filter(({ topic }) => topic === source.target);
  const { letters, read } = await readLetters(request, dlqBounds);
  const scan = target === undefined ? EMPTY_SCAN : await scanTarget(request, letters, targetBounds);
  const ofTarget = configs.get(source.target) ?? [];
  const retention = Number(configOf(configs.get(source.dlq) ?? [], 'retention.ms') ?? '-1');
  return {
    region: request.region,
    clusterId: state.clusterId,
    observedAtMs: request.nowMs,
    source,
    dlq: {
      topic: source.dlq,
      topicId: dlqBounds[0]?.topicId ?? '',
      bounds: dlqBounds,
      retentionMs: retention < 0 ? null : retention,
    },
    target:
      target === undefined
        ? null
        : {
            topic: target.name,
            topicId: target.id,
            bounds: targetBounds,
            maxMessageBytes: Number(configOf(ofTarget, 'max.message.bytes') ?? MAX_MESSAGE_BYTES_DEFAULT),
            compacted: (configOf(ofTarget, 'cleanup.policy') ?? '').includes('compact'),
          },
    letters,
    unread:
      read.cutBy === null
        ? null
        : {
            cutBy: read.cutBy,
            records: read.unread.reduce((sum, { fromOffset, endOffset }) => sum + endOffset - fromOffset, 0n),
          },
    scan,
  };
}

function configOf(entries: readonly ConfigEntry[], name: string): string | null {
  return entries.find((entry) => entry.name === name)?.value ?? null;
}

async function readLetters(
  { ports, readTimeoutMs, signal }: LookRequest,
  bounds: readonly PartitionBounds[],
): Promise<{ letters: LetterSeen[]; read: SlicesRead }> {
  const letters: LetterSeen[] = [];
  const read = await readSlices({
    read: ports.read,
    slices: bounds.map(({ startOffset, ...one }) => ({ ...one, fromOffset: startOffset })),
    add: ({ partition }, record) => letters.push(seeLetter(partition, record)),
    limits: { timeoutMs: readTimeoutMs, maxRecords: MAX_LETTERS, maxBytes: MAX_LETTER_BYTES, signal },
  });
  return { letters, read };
}

async function scanTarget(
  { ports, requestTimeoutMs, readTimeoutMs, signal }: LookRequest,
  letters: readonly LetterSeen[],
  bounds: readonly PartitionBounds[],
): Promise<TargetScan> {
  const byPartition = byTargetPartition(letters, bounds[0]?.topicId ?? '');
  const wanted = bounds.flatMap(({ topic, partition }) => {
    const own = byPartition.get(partition);
    return own === undefined ? [] : [{ topic, partition, timestampMs: least(own.map(sinceMs)) }];
  });
  const times = await ports.read.offsetsAt(wanted, { timeoutMs: requestTimeoutMs });
  const slices = scanSlices(byPartition, bounds, times);
  const keys = [...byPartition].flatMap(([partition, own]) =>
    own.flatMap(({ key }) => (key === null ? [] : [keyIn(partition, key)])),
  );
  const fold = foldReplays(new Set(keys));
  const read = await readSlices({
    read: ports.read,
    slices,
    add: fold.add,
    limits: { timeoutMs: readTimeoutMs, signal },
  });
  return {
    replays: fold.replays,
    newest: fold.newest,
    coverage: coverageOf(slices, bounds, times, read, fold.firstMs),
    records: read.records,
  };
}

function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b));
}
