import { setImmediate as breathe } from 'node:timers/promises';
import type { EpochEnd, EpochWant, PartitionBounds, Read } from '../../clients/kafka/ports.ts';
import { TOPICS } from '../../contract/records.ts';
import { stateFrom } from '../domain/snapshot.ts';
import { lookTwice } from '../runtime/second-look.ts';
import { boundsOf } from '../runtime/topics.ts';
import { type Base, emptyBase } from './base.ts';
import type { TopicIds } from './deps.ts';
import { candidates, chooseSlot } from './snapshots/choose.ts';
import type { Begun } from './snapshots/keeper.ts';
import { positionIn, SLOTS, type SlotName } from './snapshots/manifest.ts';
import { readSlots, type SlotsRead } from './snapshots/read.ts';

export interface RestoreDeps {
  readonly read: Pick<Read, 'bounds' | 'open' | 'epochEnds'>;
  readonly topicIds: TopicIds;
  readonly partitions: number;
  readonly signal: AbortSignal;
}

/** With what a partition begins (nothing taken: with the first event), or why it cannot. */
export type Beginning =
  | (Begun & {
      readonly kind: 'begin';
      /** End of the events when the restore began: it ends there. */
      readonly restoreTo: bigint;
    })
  | { readonly kind: 'stop'; readonly reason: string };

const SLOTS_TIMEOUT_MS = 60_000;
const REQUEST_TIMEOUT_MS = 5000;

/**
 * Finds for each partition the snapshot to begin with, and what of the events is to be read after it (S1, S2). A restore
 * is always the whole of it: nothing is taken from a life before. Throws when Kafka does not answer.
 */
export async function beginnings(
  deps: RestoreDeps,
  owned: readonly number[],
): Promise<Map<number, Beginning>> {
  const { read, partitions, signal } = deps;
  const slots = await readSlots({ read, partitions: owned, timeoutMs: SLOTS_TIMEOUT_MS, signal });
  // After the slots: the logs reach at least as far as what these cover.
  const bounds = await read.bounds([TOPICS.commands, TOPICS.events], { timeoutMs: REQUEST_TIMEOUT_MS });
  const ends = await epochEndsOf(deps, slots);
  const found = new Map<number, Beginning>();
  for (const [partition, seen] of slots) {
    const logs = {
      ...{ partition, partitions },
      commands: boundsOf(bounds, TOPICS.commands, partition),
      events: boundsOf(bounds, TOPICS.events, partition),
      epochEnds: (slot: SlotName) => ({
        ...endIn(ends, slot, 'commands', partition),
        ...endIn(ends, slot, 'events', partition),
      }),
    };
    found.set(partition, beginningOf(seen, logs));
    // Others (health, the metrics) get their turn between two states.
    await breathe();
  }
  return found;
}

/** As `beginnings`; where a partition would stop, it is what a second look found. */
export async function beginningsSeenTwice(
  deps: RestoreDeps,
  owned: readonly number[],
): Promise<ReadonlyMap<number, Beginning>> {
  const found = new Map<number, Beginning>();
  const look = async (asked: readonly number[]): Promise<number[]> => {
    for (const [partition, beginning] of await beginnings(deps, asked)) found.set(partition, beginning);
    return asked.filter((partition) => found.get(partition)?.kind === 'stop');
  };
  await lookTwice(owned, look, deps);
  return found;
}

function beginningOf(slots: SlotsRead, logs: Parameters<typeof chooseSlot>[1]): Beginning {
  const choice = chooseSlot(slots.book, logs);
  if (choice.kind === 'stop') return choice;
  const common = { kind: 'begin', restoreTo: logs.events.endOffset, slots } as const;
  if (choice.kind === 'none') return { ...common, base: emptyBase(), taken: undefined, misfits: [] };
  const { taken, snapshot, misfits } = choice;
  const { commands, events } = taken.manifest;
  const base: Base = {
    state: stateFrom(snapshot),
    nextCommandOffset: positionIn(commands).nextOffset,
    events: positionIn(events),
  };
  return { ...common, base, taken, misfits };
}

type Ends = ReadonlyMap<string, EpochEnd>;
type Log = 'commands' | 'events';
const keyOf = (slot: SlotName, topic: string, partition: number): string => `${slot} ${topic}/${partition}`;

function endIn(ends: Ends, slot: SlotName, log: Log, partition: number): Partial<Record<Log, EpochEnd>> {
  const end = ends.get(keyOf(slot, TOPICS[log], partition));
  return end === undefined ? {} : { [log]: end };
}

/** What today's leaders say of the epochs that the manifests carry (S3): one question for each slot. */
async function epochEndsOf(
  { read, topicIds }: RestoreDeps,
  slots: ReadonlyMap<number, SlotsRead>,
): Promise<Ends> {
  const found = new Map<string, EpochEnd>();
  for (const slot of SLOTS) {
    const wants = [...slots].flatMap(([partition, { book }]) =>
      candidates(book)
        .filter((seen) => seen.slot === slot)
        .flatMap(({ manifest }) =>
          (['commands', 'events'] as const).flatMap((log): EpochWant[] => {
            const { topicId, leaderEpoch } = manifest[log];
            const isAsked = topicId === topicIds[log] && leaderEpoch >= 0;
            return isAsked ? [{ topic: TOPICS[log], partition, leaderEpoch }] : [];
          }),
        ),
    );
    if (wants.length === 0) continue;
    for (const end of await read.epochEnds(wants, { timeoutMs: REQUEST_TIMEOUT_MS }))
      found.set(keyOf(slot, end.topic, end.partition), end);
  }
  return found;
}

/** Commands that were never decided must still be there, and the log must not end before the last decided one. */
export function cannotReadFrom(
  nextOffset: bigint,
  { startOffset, endOffset }: PartitionBounds,
): string | undefined {
  if (nextOffset >= startOffset && nextOffset <= endOffset) return undefined;
  return `the next command to decide is ${nextOffset}, but commands ${startOffset} to ${endOffset} are in the log`;
}

/** `cannotReadFrom` by partition, as a second look found it. Throws when Kafka does not answer. */
export async function commandTroubles(
  { read, signal }: { readonly read: Pick<Read, 'bounds'>; readonly signal: AbortSignal },
  wanted: readonly { readonly partition: number; readonly nextOffset: bigint }[],
): Promise<ReadonlyMap<number, string>> {
  const troubles = new Map<number, string>();
  const look = async (asked: readonly number[]): Promise<number[]> => {
    const bounds = await read.bounds([TOPICS.commands], { timeoutMs: REQUEST_TIMEOUT_MS });
    troubles.clear();
    for (const { partition, nextOffset } of wanted) {
      if (!asked.includes(partition)) continue;
      const trouble = cannotReadFrom(nextOffset, boundsOf(bounds, TOPICS.commands, partition));
      if (trouble !== undefined) troubles.set(partition, trouble);
    }
    return [...troubles.keys()];
  };
  await lookTwice(
    wanted.map(({ partition }) => partition),
    look,
    { signal },
  );
  return troubles;
}
