import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { InRecord } from '../../clients/kafka/ports.ts';
import { readReplay, replayHeaders } from '../../contract/dead-letter.ts';
import { decodeEvent } from '../../contract/events.ts';
import { idOf, someCreate } from '../../contract/testing/decisions.ts';
import { commandsTopicIdOf, encodeCommand } from '../domain/codec.ts';
import { Life } from './testing/life.ts';
import { MemoryKafka, MemoryLog } from './testing/memory-kafka.ts';

const START = Date.UTC(2026, 5, 1);
const FINDING =
  'was decided from reservations.commands of topic id commands-id, but the topic is made again: it was made again';

let kafka: MemoryKafka;
let made: number;

beforeEach(() => {
  kafka = new MemoryKafka(3);
  made = 0;
});

function creates(count: number, into = kafka): void {
  for (let i = 0; i < count; i += 1) {
    made += 1;
    const command = someCreate({
      ...{ eventId: idOf(made), reservationId: `res-${made}` },
      slot: { start: new Date(START).toISOString(), end: new Date(START + 3_600_000).toISOString() },
      ...{ issuedAtMs: START, notAfterMs: START + 60_000 },
    });
    into.commands.append({ key: null, value: encodeCommand(command), headers: [] }, START + made);
  }
}

const withoutTopicId = (record: InRecord): InRecord => ({
  ...record,
  headers: record.headers.filter(([name]) => name.toString() !== 'commands-topic-id'),
});

function replayOf(record: InRecord): InRecord {
  const origin = {
    topic: 'e',
    topicId: 'events-id',
    partition: 3,
    offset: record.offset,
    timestampMs: START,
  };
  return { ...record, headers: replayHeaders(record.headers, { id: 'run', origin, attempt: 1 }) };
}

/** Events of so many commands; then the commands topic is deleted and made again, with that many commands in it. */
async function madeAgain(decided: number, commands: number): Promise<void> {
  creates(decided);
  await (await Life.begin(kafka)).takeAll();
  kafka.commands = new MemoryLog('made again');
  creates(commands);
}

describe('an owner whose commands topic was made again', () => {
  test('writes with each event the id of the topic that it was decided from', async () => {
    creates(2);
    await (await Life.begin(kafka)).takeAll();
    expect(kafka.events.records.map(({ headers }) => commandsTopicIdOf(headers))).toEqual([
      'commands-id',
      'commands-id',
    ]);
  });

  test.each([
    ['has not got as far as the old one', 2],
    ['has got further than the old one: nothing of it is skipped', 9],
  ])('is stopped by the events alone when the new topic %s', async (_, commands) => {
    await madeAgain(5, commands);
    const life = await Life.begin(kafka);
    await life.takeAll();
    expect(life.stopped).toEqual([`event 0 ${FINDING}`]);
    expect(kafka.events.end).toBe(5n);
  });

  test('is stopped by its snapshot as before', async () => {
    creates(5);
    const first = await Life.begin(kafka);
    await first.takeAll();
    expect(await first.snapshot()).toBeDefined();
    kafka.commands = new MemoryLog('made again');
    creates(9);
    expect((await Life.begin(kafka)).stopped.join()).toContain(
      'it is of topic id commands-id, reservations.commands is made again: it was made again',
    );
  });

  test('is stopped while it decides too, even by what looks like a repeat of its own decision', async () => {
    creates(3);
    await (await Life.begin(kafka)).takeAll();
    const [first] = kafka.events.records;
    if (first === undefined) expect.fail('three events were written');
    kafka = new MemoryKafka(3);
    kafka.commands = new MemoryLog('made again');
    made = 0;
    creates(3);
    const life = await Life.begin(kafka);
    await life.takeAll();
    expect(life.stopped).toEqual([]);
    // Somebody who is not quite dead, and still reads the topic of before.
    kafka.events.append(first, START);
    life.tail();
    expect(life.stopped).toEqual([`event 3 ${FINDING}`]);
  });

  test('takes events that do not say it: they were written before it was said', async () => {
    creates(5);
    await (await Life.begin(kafka)).takeAll();
    kafka.events.records = kafka.events.records.map(withoutTopicId);
    creates(2);
    const life = await Life.begin(kafka);
    await life.takeAll();
    expect(life.stopped).toEqual([]);
    expect(kafka.events.records.map(({ headers }) => commandsTopicIdOf(headers))).toEqual([
      ...[null, null, null, null, null],
      ...['commands-id', 'commands-id'],
    ]);
  });

  test('skips replayed records of whatever topic, restoring and deciding', async () => {
    creates(2);
    await (await Life.begin(kafka)).takeAll();
    const [first] = kafka.events.records;
    if (first === undefined) expect.fail('two events were written');
    kafka = new MemoryKafka(3);
    kafka.commands = new MemoryLog('made again');
    kafka.events.append(replayOf(first), START);
    creates(1);
    const life = await Life.begin(kafka);
    await life.takeAll();
    kafka.events.append(replayOf(first), START);
    life.tail();
    expect([life.stopped, life.restored]).toEqual([[], 1]);
    expect(decodeEvent(kafka.events.records[1]?.value ?? null)?.decision.commandOffset).toBe('0');
  });

  test('goes on exactly when no event that decides says another id, whatever else stands there', async () => {
    const seen = { stopped: 0, goesOn: 0 };
    const property = fc.asyncProperty(
      fc.array(kinds, { minLength: 1, maxLength: 8 }),
      fc.nat({ max: 12 }),
      async (events, more) => {
        await decidedOnce(events);
        kafka.commands = new MemoryLog('made again');
        creates(events.length + more);
        const stops = firstSaying(kafka.events.records);
        const life = await Life.begin(kafka);
        expect(life.stopped).toEqual(stops === undefined ? [] : [`event ${stops} ${FINDING}`]);
        expect(stops === undefined).toBe(!events.includes('says it'));
        seen[stops === undefined ? 'goesOn' : 'stopped'] += 1;
      },
    );
    await fc.assert(property, { numRuns: 150 });
    // What never happens proves nothing.
    expect([seen.stopped > 20, seen.goesOn > 20]).toEqual([true, true]);
  });
});

const kinds = fc.constantFrom('says nothing', 'says nothing', 'is replayed', 'says it');

/** Events of these kinds, decided from the topic of before. */
async function decidedOnce(events: readonly string[]): Promise<void> {
  kafka = new MemoryKafka(3);
  made = 0;
  creates(events.length);
  await (await Life.begin(kafka)).takeAll();
  const decided = kafka.events.records;
  kafka.events = new MemoryLog('events-id');
  for (const [at, record] of decided.entries()) {
    const kind = events[at];
    kafka.events.append(kind === 'says it' ? record : withoutTopicId(record), START);
    // A replay stands behind the event that it repeats.
    if (kind === 'is replayed') kafka.events.append(replayOf(record), START);
  }
}

const firstSaying = (records: readonly InRecord[]): bigint | undefined =>
  records.find(({ headers }) => commandsTopicIdOf(headers) !== null && readReplay(headers) === undefined)
    ?.offset;
