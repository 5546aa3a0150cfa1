import type { EpochEnd, PartitionBounds } from '../../../clients/kafka/ports.ts';
import { NEWEST_RULES } from '../../../contract/rules.ts';
import { unknownRules } from '../../domain/rules.ts';
import type { Snapshot } from '../../domain/snapshot.ts';
import { cutBelow, outOfBounds } from '../../runtime/stored-position.ts';
import type { SlotBook, SlotSeen } from './codec.ts';
import { type Manifest, newerFirst, positionIn, type SlotName } from './manifest.ts';

/** The logs of a partition as they stand now, asked after its slots were read. */
export interface LogsNow {
  readonly partition: number;
  readonly partitions: number;
  readonly commands: PartitionBounds;
  readonly events: PartitionBounds;
  /** What the leaders say of the epochs that the manifest of a slot carries. */
  readonly epochEnds: (slot: SlotName) => { readonly commands?: EpochEnd; readonly events?: EpochEnd };
}

/** A slot that holds what its manifest says. */
export interface WholeSlot {
  readonly slot: SlotName;
  readonly manifest: Manifest;
  readonly writtenAtMs: number;
}

export type Choice =
  | {
      readonly kind: 'snapshot';
      readonly taken: WholeSlot;
      readonly snapshot: Snapshot;
      /** Hashes of whole snapshots that say to be newer and do not fit: a slot to write over. */
      readonly misfits: readonly string[];
    }
  /** There is none, and none is needed: the events begin with the first one. */
  | { readonly kind: 'none' }
  | { readonly kind: 'stop'; readonly reason: string };

/** Slots with a manifest, those that say to be newest first. */
export function candidates(book: SlotBook): (SlotSeen & { readonly manifest: Manifest })[] {
  const named = book
    .slots()
    .flatMap((seen) => (seen.manifest === undefined ? [] : [{ ...seen, manifest: seen.manifest }]));
  return named.toSorted((a, b) => newerFirst(a.manifest, b.manifest));
}

/**
 * Where a partition begins: at the whole slot with the highest event offset that fits to the logs, without one at the
 * first event if that is still there, and nowhere otherwise: never from an empty state. A snapshot of other logs than
 * these stops the partition even if these seem complete: somebody has to say which of them is right (S2, S3). Pure.
 */
export function chooseSlot(book: SlotBook, now: LogsNow): Choice {
  const unusable: string[] = [];
  const misfits: string[] = [];
  for (const { slot, manifest, writtenAtMs } of candidates(book)) {
    const snapshot = book.open(slot, manifest);
    if (typeof snapshot === 'string') {
      unusable.push(`slot ${slot}: ${snapshot}`);
      continue;
    }
    if (manifest.rulesVersion > NEWEST_RULES)
      return { kind: 'stop', reason: `its snapshot: ${unknownRules(manifest.rulesVersion)}` };
    const misfit = misfitOf(slot, manifest, now);
    if (misfit === undefined)
      return { kind: 'snapshot', taken: { slot, manifest, writtenAtMs }, snapshot, misfits };
    unusable.push(`slot ${slot}: ${misfit}`);
    misfits.push(manifest.hash);
  }
  const why = unusable.length === 0 ? 'there is none' : unusable.join('; ');
  if (misfits.length > 0) return { kind: 'stop', reason: `no snapshot fits to the logs (${why})` };
  const { startOffset } = now.events;
  if (startOffset === 0n) return { kind: 'none' };
  return {
    kind: 'stop',
    reason: `events before ${startOffset} are gone and no snapshot can be used (${why}): its state cannot be restored`,
  };
}

/** Why a snapshot is not of these logs, or undefined. */
function misfitOf(slot: SlotName, manifest: Manifest, now: LogsNow): string | undefined {
  const { partition, partitions, commands, events } = manifest;
  if (partition !== now.partition) return `it is of partition ${partition}`;
  if (partitions !== now.partitions)
    return `it was made with ${partitions} partitions, TOPIC_PARTITIONS is ${now.partitions}`;
  const ends = now.epochEnds(slot);
  // Commands before the ones it covers may be deleted; what has to be there is asked when the next one is known.
  const fromFirst = { startOffset: 0n, endOffset: now.commands.endOffset };
  return (
    otherTopic(events.topicId, now.events) ??
    otherTopic(commands.topicId, now.commands) ??
    outOfBounds(positionIn(events), now.events, 'event') ??
    outOfBounds(positionIn(commands), fromFirst, 'command') ??
    cutBelow(positionIn(events), ends.events, 'it covers events') ??
    cutBelow(positionIn(commands), ends.commands, 'it covers commands')
  );
}

function otherTopic(topicId: string, now: PartitionBounds): string | undefined {
  if (topicId === now.topicId) return undefined;
  return `it is of topic id ${topicId}, ${now.topic} is ${now.topicId}: it was made again`;
}
