import { describe, expect, test } from 'vitest';
import type { InRecord, PartitionBatch, RecordBatch } from '../../clients/kafka/ports.ts';
import { idOf, someCreate } from '../../contract/testing/decisions.ts';
import { UpliftError } from '../../core/error.ts';
import { commandHeaders, encodeCommand, tickHeaders, traceparentOf } from '../domain/codec.ts';
import { keptLog } from '../runtime/testing/kept-log.ts';
import { tracingOf } from '../telemetry/spans.ts';
import { MemoryRecorder } from '../telemetry/testing/recorder.ts';
import { formatTraceparent, parseTraceparent } from '../telemetry/traceparent.ts';
import { emptyBase } from './base.ts';
import { PartitionOwner } from './partition.ts';
import { followDecisions } from './traces.ts';

const START = Date.UTC(2026, 5, 1);
const DECIDE = 'decide reservations.commands';
const SEND = 'send reservations.events';

const traceOf = (n: number, sampled: boolean) => ({
  traceId: String(n + 1).repeat(32),
  spanId: 'b'.repeat(16),
  sampled,
});

function command(offset: number, sampled: boolean | undefined): InRecord {
  const body = someCreate({
    eventId: idOf(offset),
    resource: 'planted-resource',
    reservationId: `res-${offset}`,
    slot: { start: new Date(START).toISOString(), end: new Date(START + 1000).toISOString() },
    quantity: 1,
    issuedAtMs: START,
    notAfterMs: START + 1000,
  });
  const headers =
    sampled === undefined
      ? tickHeaders()
      : commandHeaders(idOf(offset), Buffer.from(formatTraceparent(traceOf(offset, sampled))));
  const value = encodeCommand(body);
  return {
    offset: BigInt(offset),
    leaderEpoch: 0,
    timestampMs: START,
    key: Buffer.from('t/r'),
    value,
    headers,
  };
}

function batch(records: InRecord[]): RecordBatch {
  const nextOffset = BigInt(records.length);
  return { topic: 't', topicId: 'id', partition: 3, records, nextOffset, highWatermark: nextOffset };
}

function ownerOf({ failing = false } = {}) {
  const recorder = new MemoryRecorder();
  const sent: PartitionBatch[] = [];
  const { log, lines } = keptLog('debug');
  const owner = new PartitionOwner({
    partition: 3,
    sendDeadlineMs: 1000,
    eventSchema: 2,
    commandsTopicId: 'commands-id',
    produce: {
      send: async (events) => {
        if (failing) throw new UpliftError('UPL-KAFKA-PRODUCE', { message: 'unknown' });
        sent.push(events);
        return { topic: events.topic, partition: 3, baseOffset: 40n, count: events.records.length };
      },
    },
    onDecision: followDecisions(3, { tracing: tracingOf(recorder, { parentBased: true, ratio: 1 }), log }),
    onDecided: () => undefined,
    onStopped: () => undefined,
    onReadFrom: () => undefined,
    onReset: () => undefined,
  });
  owner.restore(emptyBase(), 0n);
  owner.checkRestored(0n);
  owner.resume(0n);
  return { owner, recorder, sent, lines };
}

describe('the trace of a decision', () => {
  test('goes from the command over deciding to sending its event, which carries it on', async () => {
    const { owner, recorder, sent } = ownerOf();
    owner.onCommands(batch([command(0, false), command(1, true), command(2, undefined)]));
    await owner.idle();
    expect(recorder.tree()).toEqual([
      `${DECIDE} below ${'b'.repeat(16)}: ended`,
      `${SEND} below ${DECIDE}: ended`,
    ]);
    const [deciding, sending] = recorder.spans;
    expect(deciding).toMatchObject({ traceId: traceOf(1, true).traceId });
    expect(deciding?.attributes).toMatchObject({ 'messaging.kafka.offset': 1, 'uplift.operation': idOf(1) });
    expect(sending?.attributes).toMatchObject({
      'messaging.kafka.offset': 41,
      'messaging.destination.name': 'reservations.events',
    });
    const carried = sent[0]?.records.map(({ headers }) => traceparentOf(headers)?.toString());
    expect(carried?.[0]).toBe(formatTraceparent(traceOf(0, false)));
    expect(parseTraceparent(carried?.[1])).toMatchObject({
      traceId: traceOf(1, true).traceId,
      spanId: sending?.spanId,
      sampled: true,
    });
    expect(parseTraceparent(carried?.[2])).toBeUndefined();
  });

  test('ends as failed when the decision is forgotten because it could not be written', async () => {
    const { owner, recorder } = ownerOf({ failing: true });
    owner.onCommands(batch([command(0, true)]));
    await owner.idle();
    expect(recorder.tree().at(-1)).toBe(`${SEND} below ${DECIDE}: UPL-KAFKA-PRODUCE`);
  });

  test('is named in the line of the decision, with the tenant and without what was asked for', async () => {
    const { owner, lines } = ownerOf();
    owner.onCommands(batch([command(0, false), command(1, true)]));
    await owner.idle();
    const said = lines.map((line) => JSON.parse(line) as object);
    expect(said).toMatchObject([
      { trace: traceOf(0, false).traceId, tenant: 't', operation: idOf(0), msg: 'decided' },
      { trace: traceOf(1, true).traceId, tenant: 't', operation: idOf(1), msg: 'decided' },
    ]);
    expect(lines.join('')).not.toContain('planted');
    expect(lines.join('')).not.toContain('2026-06-01T00:00');
  });
});
