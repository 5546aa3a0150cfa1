import type { LetterSeen } from './letters.ts';
import type { DlqSource } from './sources.ts';
import type { TargetScan } from './target-scan.ts';

/** A topic as it stood when it was looked at. */
export interface TopicSeen {
  readonly topic: string;
  readonly topicId: string;
  readonly bounds: readonly PartitionEnds[];
}

export interface PartitionEnds {
  readonly partition: number;
  readonly startOffset: bigint;
  readonly endOffset: bigint;
}

/** One look at a dead letter topic and at what the target log says of replays. */
export interface DlqFacts {
  readonly region: string;
  readonly clusterId: string;
  readonly observedAtMs: number;
  readonly source: DlqSource;
  /** `retentionMs` null: kept for ever. */
  readonly dlq: TopicSeen & { readonly retentionMs: number | null };
  /** Null: not in the cluster. */
  readonly target: (TopicSeen & { readonly maxMessageBytes: number; readonly compacted: boolean }) | null;
  /** Every record that was read, in no particular order between partitions. */
  readonly letters: readonly LetterSeen[];
  /** Records that a limit left unread, and which limit. */
  readonly unread: { readonly records: bigint; readonly cutBy: 'time' | 'records' | 'bytes' } | null;
  readonly scan: TargetScan;
}
