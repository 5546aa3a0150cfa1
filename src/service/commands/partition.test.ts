import { describe, expect, test } from 'vitest';
import type { InRecord, PartitionBatch, RecordBatch } from '../../clients/kafka/ports.ts';
import { replayHeaders } from '../../contract/dead-letter.ts';
import { decodeEvent, type EventSchema } from '../../contract/events.ts';
import type { Decision } from '../../contract/records.ts';
import { idOf, someCreate } from '../../contract/testing/decisions.ts';
import { UpliftError } from '../../core/error.ts';
import { waitFor } from '../../core/wait.ts';
import { encodeCommand } from '../domain/codec.ts';
import { emptyBase } from './base.ts';
import { PartitionOwner } from './partition.ts';

const START = Date.UTC(2026, 5, 1);

function commandRecord(offset: number, eventId = offset, quantity = 1): InRecord {
  const value = encodeCommand(
    someCreate({
      eventId: idOf(eventId),
      reservationId: `res-${offset}`,
      slot: { start: new Date(START).toISOString(), end: new Date(START + 1000).toISOString() },
      quantity,
      issuedAtMs: START,
      notAfterMs: START + 1000,
    }),
  );
  return record(offset, value);
}

function record(offset: number, value: Buffer): InRecord {
  return {
    offset: BigInt(offset),
    leaderEpoch: 0,
    timestampMs: START,
    key: Buffer.from('t/r'),
    value,
    headers: [],
  };
}

function batch(records: InRecord[]): RecordBatch {
  const nextOffset = (records.at(-1)?.offset ?? -1n) + 1n;
  return { topic: 't', topicId: 'id', partition: 3, records, nextOffset, highWatermark: nextOffset };
}

/** An owner over an events log in memory; `fail` makes sends fail, `hold` makes them wait. */
function setUp(restoreTo = 0n, schema: EventSchema = 1) {
  const log: Buffer[] = [];
  const calls = { readFrom: [] as bigint[], resets: 0, stopped: [] as string[], decided: 0, sends: 0 };
  const control = { fail: false, gate: Promise.resolve(), schema };
  const owner = new PartitionOwner({
    partition: 3,
    sendDeadlineMs: 1000,
    eventSchema: control.schema,
    commandsTopicId: 'commands-id',
    produce: {
      send: async (sent: PartitionBatch) => {
        calls.sends += 1;
        await control.gate;
        if (control.fail) throw new UpliftError('UPL-KAFKA-PRODUCE', { message: 'unknown' });
        for (const each of sent.records) log.push(each.value ?? Buffer.alloc(0));
        return { topic: sent.topic, partition: sent.partition, baseOffset: 0n, count: sent.records.length };
      },
    },
    onDecided: () => {
      calls.decided += 1;
    },
    onStopped: (_, reason) => calls.stopped.push(reason),
    onReadFrom: (_, next) => calls.readFrom.push(next),
    onReset: () => {
      calls.resets += 1;
    },
  });
  const restore = (to = restoreTo): void => owner.restore(emptyBase(), to);
  restore();
  const decisions = (): Decision[] => log.flatMap((value) => decodeEvent(value)?.decision ?? []);
  const events = (from = 0): RecordBatch => batch(log.slice(from).map((value, i) => record(from + i, value)));
  return { owner, restore, log, calls, control, decisions, events };
}

function ready(restoreTo = 0n, schema: EventSchema = 1) {
  const all = setUp(restoreTo, schema);
  all.owner.checkRestored(0n);
  all.owner.resume(0n);
  return all;
}

describe('the owner of a partition', () => {
  test('writes one decision for each command, in order, and accepts its own ones when they come back', async () => {
    const { owner, decisions, events, calls } = ready();
    owner.onCommands(batch([commandRecord(0), commandRecord(1), commandRecord(4, 0)]));
    await owner.idle();
    expect(decisions().map((d) => [d.commandOffset, d.previousCommandOffset, d.decision])).toEqual([
      ['0', '-1', 'accepted'],
      ['1', '0', 'accepted'],
      ['4', '1', 'repeated'],
    ]);
    owner.onEvents(events());
    owner.onEvents(events());
    expect(owner.phase).toBe('deciding');
    expect(calls.decided).toBe(3);
  });

  test('takes a decision for its own in whatever schema it comes back, and writes the one it was told', async () => {
    const old = ready();
    old.owner.onCommands(batch([commandRecord(0), commandRecord(1)]));
    await old.owner.idle();
    const upgraded = setUp(1n, 2);
    upgraded.owner.onEvents(batch(old.events().records.slice(0, 1)));
    upgraded.owner.resume(1n);
    upgraded.owner.onCommands(batch([commandRecord(1), commandRecord(2)]));
    await upgraded.owner.idle();
    expect(upgraded.log.map((value) => JSON.parse(value.toString()).v)).toEqual([2, 2]);
    // The predecessor's copy of the same decision arrives late, in the older schema.
    upgraded.owner.onEvents(batch(old.events().records.slice(1)));
    expect(upgraded.owner.phase).toBe('deciding');
    upgraded.owner.onEvents(upgraded.events());
    expect(upgraded.owner.phase).toBe('deciding');
  });

  test('skips replayed records, while restoring and while deciding', async () => {
    const first = ready();
    first.owner.onCommands(batch([commandRecord(0), commandRecord(1, 1, 60)]));
    await first.owner.idle();
    const [one, two] = first.events().records;
    if (one === undefined || two === undefined) throw new Error('two events were written');
    const origin = { topic: 't', topicId: 'id', partition: 3, offset: 0n, timestampMs: START };
    const replayed = {
      ...two,
      offset: 2n,
      headers: replayHeaders(two.headers, { id: 'run', origin, attempt: 1 }),
    };
    const garbage = { ...replayed, offset: 3n, value: Buffer.from('of a schema nobody here knows') };
    const second = setUp(4n);
    second.owner.onEvents(batch([one, two, replayed, garbage]));
    expect(second.owner.phase).toBe('deciding');
    expect(second.owner.nextCommandOffset).toBe(2n);
    second.owner.onEvents(batch([{ ...garbage, offset: 4n }]));
    expect(second.owner.phase).toBe('deciding');
  });

  test('restores from events and goes on after the last decided command', async () => {
    const first = ready();
    first.owner.onCommands(batch([commandRecord(0, 0, 60), commandRecord(1, 1, 30)]));
    await first.owner.idle();
    const second = setUp(2n);
    second.owner.onEvents(first.events());
    expect(second.calls.readFrom).toEqual([2n]);
    second.owner.resume(2n);
    second.owner.onCommands(
      batch([commandRecord(1, 1, 30), commandRecord(2, 2, 11), commandRecord(3, 3, 10)]),
    );
    await second.owner.idle();
    expect(second.decisions().map((d) => [d.commandOffset, d.decision])).toEqual([
      ['2', 'rejected'],
      ['3', 'accepted'],
    ]);
  });

  test('events that stand twice in the log are restored once', async () => {
    const first = ready();
    first.owner.onCommands(batch([commandRecord(0), commandRecord(1)]));
    await first.owner.idle();
    first.log.push(...first.log);
    const second = setUp(4n);
    second.owner.onEvents(first.events());
    expect(second.owner.phase).toBe('deciding');
    expect(second.owner.nextCommandOffset).toBe(2n);
  });

  test('a hole in the chain of events stops it', async () => {
    const first = ready();
    first.owner.onCommands(batch([commandRecord(0), commandRecord(1), commandRecord(2)]));
    await first.owner.idle();
    first.log.splice(1, 1);
    const second = setUp(2n);
    second.owner.onEvents(first.events());
    expect(second.owner.phase).toBe('stopped');
    expect(second.calls.stopped[0]).toContain('follows command 1');
  });

  test('a decision in the log that differs from its own stops it, whichever came first', async () => {
    const other = ready();
    other.owner.onCommands(batch([commandRecord(0, 7)]));
    await other.owner.idle();
    const after = ready();
    after.owner.onCommands(batch([commandRecord(0, 8)]));
    await after.owner.idle();
    after.owner.onEvents(other.events());
    expect(after.owner.phase).toBe('stopped');
    const before = ready();
    before.owner.onEvents(other.events());
    expect(before.owner.phase).toBe('deciding');
    before.owner.onCommands(batch([commandRecord(0, 8)]));
    expect(before.owner.phase).toBe('stopped');
    await before.owner.idle();
    expect(before.log).toHaveLength(0);
  });

  test('a send that fails for good makes it forget, restore from what is in the log and decide the same again', async () => {
    const { owner, restore, control, calls, decisions, events } = ready();
    owner.onCommands(batch([commandRecord(0)]));
    await owner.idle();
    control.fail = true;
    owner.onCommands(batch([commandRecord(1), commandRecord(2)]));
    await owner.idle();
    expect([calls.resets, owner.phase]).toEqual([1, 'restoring']);
    owner.onCommands(batch([commandRecord(3)]));
    owner.onEvents(events());
    expect(owner.phase).toBe('restoring');
    control.fail = false;
    restore(1n);
    owner.onEvents(events());
    expect(calls.readFrom).toEqual([0n, 1n]);
    owner.onCommands(batch([commandRecord(5)]));
    owner.resume(3n);
    owner.onCommands(batch([commandRecord(6)]));
    owner.resume(1n);
    owner.onCommands(batch([commandRecord(1), commandRecord(2), commandRecord(3)]));
    await owner.idle();
    expect(decisions().map((d) => d.commandOffset)).toEqual(['0', '1', '2', '3']);
  });

  test('too many decisions waiting drop commands and read on from the first that was not decided', async () => {
    const { owner, control, calls, decisions } = ready();
    const gate = Promise.withResolvers<void>();
    control.gate = gate.promise;
    owner.onCommands(batch(Array.from({ length: 6000 }, (_, i) => commandRecord(i))));
    owner.onCommands(batch([commandRecord(6000)]));
    gate.resolve();
    await owner.idle();
    expect(calls.readFrom).toEqual([0n, 5000n]);
    owner.resume(5000n);
    owner.onCommands(batch(Array.from({ length: 10 }, (_, i) => commandRecord(5000 + i))));
    await waitFor(async () => decisions().length === 5010, {
      what: 'all decided',
      timeoutMs: 2000,
      intervalMs: 5,
    });
    expect(decisions().map((d) => d.commandOffset)).toEqual(
      Array.from({ length: 5010 }, (_, i) => String(i)),
    );
  });

  test('garbage in the events stops it: state is not guessed', () => {
    const { owner, calls } = setUp(1n);
    owner.onEvents(batch([record(0, Buffer.from('{}'))]));
    expect(calls.stopped[0]).toContain('event 0 is not a decision');
  });
});

test('what is decided counts as written only when its decision is in the log', async () => {
  const { owner, control } = setUp(1n);
  expect(owner.writtenThrough).toBeUndefined();
  const { promise, resolve } = Promise.withResolvers<void>();
  control.gate = promise;
  owner.checkRestored(1n);
  expect(owner.writtenThrough).toBe(0n);
  owner.resume(0n);
  owner.onCommands(batch([commandRecord(0), commandRecord(1)]));
  expect(owner.nextCommandOffset).toBe(2n);
  expect(owner.writtenThrough).toBe(0n);
  resolve();
  await owner.idle();
  expect(owner.writtenThrough).toBe(2n);
});
