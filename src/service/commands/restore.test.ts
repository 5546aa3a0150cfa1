import { beforeEach, describe, expect, test } from 'vitest';
import type { Read } from '../../clients/kafka/ports.ts';
import { decodeEvent } from '../../contract/events.ts';
import { type Command, TOPICS } from '../../contract/records.ts';
import { NEWEST_RULES } from '../../contract/rules.ts';
import { idOf, someCreate, someDecision } from '../../contract/testing/decisions.ts';
import { encodeCommand, encodeDecision } from '../domain/codec.ts';
import { captureOf } from '../domain/snapshot.ts';
import { emptyState } from '../domain/state.ts';
import { beginningsSeenTwice, commandTroubles } from './restore.ts';
import { Life } from './testing/life.ts';
import { MemoryKafka, MemoryLog } from './testing/memory-kafka.ts';

const START = Date.UTC(2026, 5, 1);
const TICK: Command = { v: 1, type: 'tick' };

let kafka: MemoryKafka;
let atMs: number;
let made: number;

beforeEach(() => {
  kafka = new MemoryKafka(3);
  atMs = START;
  made = 0;
});

/** Appends so many creates of one unit each, of a resource that holds 100. */
function creates(count: number): void {
  for (let i = 0; i < count; i += 1) {
    made += 1;
    command(
      someCreate({
        eventId: idOf(made),
        reservationId: `res-${made}`,
        slot: { start: new Date(START).toISOString(), end: new Date(START + 3_600_000).toISOString() },
        issuedAtMs: atMs,
        notAfterMs: atMs + 60_000,
      }),
    );
  }
}

function command(command: Command): void {
  atMs += 1000;
  kafka.commands.append({ key: null, value: encodeCommand(command), headers: [] }, atMs);
}

/** Takes all commands there are and writes a snapshot. */
async function lived(): Promise<Life> {
  const life = await Life.begin(kafka);
  expect(life.stopped).toEqual([]);
  await life.takeAll();
  expect(await life.snapshot()).toBeDefined();
  return life;
}

/** What became of the last commands. */
const decisions = (last: number) =>
  kafka.events.records.slice(-last).map(({ value }) => decodeEvent(value)?.decision.decision);

async function refused(partitions?: number): Promise<string> {
  const life = await Life.begin(kafka, partitions);
  expect(life.owner.phase).toBe('stopped');
  await life.takeAll();
  return life.stopped.join('; ');
}

describe('an owner whose logs do not go back to their beginning', () => {
  test('decides on from its snapshot, knows what is full and what it answered', async () => {
    creates(99);
    await lived();
    kafka.events.deleteBefore(kafka.events.end);
    kafka.commands.deleteBefore(kafka.commands.end);
    const life = await Life.begin(kafka);
    expect([life.fromSnapshot, life.restored]).toEqual([true, 0]);
    creates(2);
    made -= 3;
    creates(1);
    await life.takeAll();
    expect(decisions(3)).toEqual(['accepted', 'rejected', 'repeated']);
  });

  test('reads only the events after its snapshot', async () => {
    creates(10);
    const life = await lived();
    creates(5);
    await life.takeAll();
    expect((await Life.begin(kafka)).restored).toBe(5);
  });

  test('needs no tick that its snapshot covers, even when nothing was ever decided', async () => {
    for (let i = 0; i < 5; i += 1) command(TICK);
    await lived();
    kafka.commands.deleteBefore(kafka.commands.end);
    const life = await Life.begin(kafka);
    expect(life.stopped).toEqual([]);
    creates(1);
    await life.takeAll();
    expect(decisions(1)).toEqual(['accepted']);
  });

  test('keeps its place when all that follows it in the events are repeats and nothing else is left', async () => {
    creates(3);
    const life = await lived();
    const [first] = kafka.events.records;
    if (first === undefined) expect.fail('no event');
    kafka.events.append(first, atMs);
    command(TICK);
    await life.takeAll();
    expect((await life.snapshot())?.events.nextOffset).toBe('4');
    kafka.events.deleteBefore(kafka.events.end);
    expect((await Life.begin(kafka)).stopped).toEqual([]);
  });

  test('without a snapshot is stopped, never empty', async () => {
    creates(5);
    await (await Life.begin(kafka)).takeAll();
    kafka.events.deleteBefore(2n);
    expect(await refused()).toBe(
      'events before 2 are gone and no snapshot can be used (there is none): its state cannot be restored',
    );
    kafka.events.deleteBefore(kafka.events.end);
    expect(await refused()).toContain('events before 5 are gone');
  });

  test('without the commands that it has yet to decide is stopped', async () => {
    creates(5);
    await lived();
    creates(5);
    kafka.commands.deleteBefore(7n);
    expect(await refused()).toBe('the next command to decide is 5, but commands 7 to 10 are in the log');
  });

  test('with both slots damaged is stopped and names both; with all events there it needs neither', async () => {
    creates(5);
    const life = await lived();
    creates(1);
    await life.takeAll();
    await life.snapshot();
    for (const record of [...kafka.snapshots.records])
      if (record.key?.toString().endsWith('/0') === true)
        kafka.snapshots.append({ ...record, value: Buffer.from('x') }, 0);
    expect((await Life.begin(kafka)).stopped).toEqual([]);
    kafka.events.deleteBefore(1n);
    const reason = await refused();
    expect(reason).toContain('slot b: chunk 0 is damaged; slot a: chunk 0 is damaged');
  });
});

describe('a snapshot that is not of these logs', () => {
  test('of a topic that was made again stops the partition, even though that topic begins with its first event', async () => {
    creates(5);
    await lived();
    kafka.events = new MemoryLog('made again');
    expect(await refused()).toContain('it is of topic id events-id, reservations.events is made again');
  });

  test('made with another number of partitions stops it', async () => {
    creates(5);
    await lived();
    expect(await refused(12)).toContain('it was made with 24 partitions, TOPIC_PARTITIONS is 12');
  });

  test('made under rules that this process does not know stops it, and says which', async () => {
    const life = await Life.begin(kafka);
    const capture = { ...captureOf(emptyState()), rulesVersion: NEWEST_RULES + 1 };
    const at = { nextOffset: 0n, leaderEpoch: -1 };
    const covered = { decisions: 0, nextCommandOffset: 0n, logTimeMs: 0 };
    await life.writer.write(3, { capture, covered, commands: at, events: at });
    expect(await refused()).toContain(`rules of version ${NEWEST_RULES + 1} hold from here on`);
  });

  test('followed by events under rules that this process does not know stops it too', async () => {
    creates(1);
    await lived();
    const unknown = someDecision(1, { rulesVersion: NEWEST_RULES + 1 });
    kafka.events.append({ key: null, value: encodeDecision(unknown, 2), headers: [] }, atMs);
    expect(await refused()).toContain(`event 1: rules of version ${NEWEST_RULES + 1} hold from here on`);
  });

  test('whose events were cut off gives way to the other slot, and is the next to be written over', async () => {
    creates(5);
    const life = await lived();
    creates(5);
    await life.takeAll();
    expect((await life.snapshot())?.events.nextOffset).toBe('10');
    kafka.events.cutFrom(7n);
    // The next leader's events fill the offsets: only the epoch tells.
    const next = await Life.begin(kafka);
    expect([next.fromSnapshot, next.stopped]).toEqual([true, []]);
    await next.takeAll();
    expect(kafka.events.end).toBe(10n);
    command(TICK);
    await next.takeAll();
    expect((await next.snapshot())?.events.nextOffset).toBe('10');
    const slots = kafka.snapshots.records.filter(({ key }) => key?.toString().endsWith('manifest'));
    expect(slots.map(({ key }) => key?.toString())).toEqual(['a/manifest', 'b/manifest', 'b/manifest']);
    const last = await Life.begin(kafka);
    expect([last.stopped, last.restored]).toEqual([[], 0]);
  });

  test('of which both slots were cut stops it', async () => {
    creates(5);
    await lived();
    kafka.events.cutFrom(2n);
    kafka.events.append({ key: null, value: Buffer.from('of the next leader'), headers: [] }, atMs);
    for (let i = 0; i < 5; i += 1) kafka.events.append({ key: null, value: null, headers: [] }, atMs);
    expect(await refused()).toContain('in the log that epoch ends at 2: records were cut off');
  });

  test('whose commands were cut stops it', async () => {
    creates(5);
    await lived();
    kafka.commands.cutFrom(2n);
    creates(9);
    expect(await refused()).toContain(
      'it covers commands up to 5 of leader epoch 0, but in the log that epoch ends at 2',
    );
  });
});

describe('what a snapshot covers', () => {
  test('is in the log: it waits until the last decision was read back', async () => {
    creates(3);
    const life = await Life.begin(kafka);
    await life.take(3);
    let position: bigint | undefined;
    const waiting = life.owner.capture().then((covered) => {
      position = covered?.events.nextOffset;
    });
    await new Promise(setImmediate);
    expect(position).toBeUndefined();
    creates(2);
    await life.take(2);
    life.tail();
    await waiting;
    expect(position).toBe(3n);
  });

  test('has no place when somebody else decides ahead: none is taken until that is over', async () => {
    creates(5);
    const [behind, ahead] = [await Life.begin(kafka), await Life.begin(kafka)];
    await ahead.takeAll();
    await behind.take(2);
    behind.tail();
    expect(await behind.snapshot()).toBeUndefined();
    await behind.takeAll();
    expect(await behind.snapshot()).toBeDefined();
    expect((await Life.begin(kafka)).stopped).toEqual([]);
  });

  test('is never lost to a predecessor that is not quite dead and writes into the slots as well', async () => {
    creates(4);
    const zombie = await lived();
    const owner = await Life.begin(kafka);
    for (let round = 0; round < 6; round += 1) {
      creates(2);
      const writer = round % 2 === 0 ? owner : zombie;
      await writer.takeAll();
      // Either may find that the other was there; neither leaves less than one whole slot.
      await writer.snapshot().catch(() => undefined);
      const next = await Life.begin(kafka);
      expect([round, next.fromSnapshot, next.stopped]).toEqual([round, true, []]);
      expect(next.restored).toBeLessThanOrEqual(20);
    }
  });

  test('is not written over the last whole slot after somebody else has damaged the newest one', async () => {
    creates(4);
    const life = await lived();
    creates(2);
    await life.takeAll();
    expect((await life.snapshot())?.events.nextOffset).toBe('6');
    kafka.events.deleteBefore(4n);
    kafka.snapshots.append({ key: Buffer.from('b/manifest'), value: Buffer.from('x'), headers: [] }, 0);
    creates(2);
    await life.takeAll();
    // The first chunks say the same as before: what is written later tears a slot.
    let left = 4;
    kafka.onSend = () => {
      left -= 1;
      if (left < 0) throw new Error('killed');
    };
    await expect(life.snapshot()).rejects.toThrow('killed');
    const next = await Life.begin(kafka);
    expect([next.fromSnapshot, next.stopped, next.restored]).toEqual([true, [], 4]);
  });

  test('is not written when somebody wrote in between: the other slot stands, and the next one is written', async () => {
    creates(2);
    const life = await lived();
    creates(2);
    await life.takeAll();
    let once = true;
    kafka.onSend = () => {
      if (once)
        kafka.snapshots.append({ key: Buffer.from('b/manifest'), value: Buffer.from('x'), headers: [] }, 0);
      once = false;
    };
    await expect(life.snapshot()).rejects.toThrow('somebody else writes there');
    expect((await Life.begin(kafka)).fromSnapshot).toBe(true);
    expect((await life.snapshot())?.events.nextOffset).toBe('4');
  });
});

test('a hole in the events stops an owner that decides, not only one that restores', async () => {
  creates(3);
  const first = await Life.begin(kafka);
  await first.takeAll();
  const [, , third] = kafka.events.records;
  if (third === undefined) expect.fail('three events were written');
  kafka.events.cutFrom(1n);
  kafka.commands.append({ key: null, value: null, headers: [] }, atMs);
  const second = await Life.begin(kafka);
  kafka.events.append(third, atMs);
  second.tail();
  expect(second.stopped.join()).toContain('follows command 1, but the last decided one is 0');
});

test('a broker that was just woken and tells an old end of a log stops nothing: the second look counts', async () => {
  creates(5);
  await lived();
  const topicIds = { commands: kafka.commands.topicId, events: kafka.events.topicId };
  const { signal } = new AbortController();
  const asleep = (topic: string): void => {
    const { bounds } = kafka;
    kafka.bounds = async (topics) => {
      kafka.bounds = bounds;
      const now = await kafka.bounds(topics);
      return now.map((each) => (each.topic === topic ? { ...each, endOffset: 1n } : each));
    };
  };
  asleep(TOPICS.events);
  const deps = { read: kafka as unknown as Read, topicIds, partitions: 24, signal };
  const begun = await beginningsSeenTwice(deps, [kafka.partition]);
  expect(begun.get(kafka.partition)?.kind).toBe('begin');
  asleep(TOPICS.commands);
  const wanted = [{ partition: kafka.partition, nextOffset: kafka.commands.end }];
  expect(await commandTroubles(deps, wanted)).toEqual(new Map());
  expect((await commandTroubles(deps, [{ partition: kafka.partition, nextOffset: 99n }])).size).toBe(1);
}, 30_000);
