import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import type { LearningProduce } from '../../clients/kafka/ports.ts';
import { UpliftError } from '../../core/error.ts';
import { waitFor } from '../../core/wait.ts';
import { type OpeningProduce, openInBackground } from './produce.ts';

const BATCH = { topic: 'events', partition: 0, records: [] };
let produce: OpeningProduce | undefined;

afterEach(() => produce?.close());

function opening(tries: readonly (Error | LearningProduce)[]): OpeningProduce {
  const left = [...tries];
  const open = async (): Promise<LearningProduce> => {
    const next = left.length > 1 ? left.shift() : left[0];
    if (next === undefined || next instanceof Error) throw next ?? new Error('no try left');
    return next;
  };
  produce = openInBackground(open, pino({ level: 'silent' }));
  return produce;
}

const works: LearningProduce = {
  send: async ({ topic, partition }) => ({ topic, partition, baseOffset: 7n, count: 1 }),
  learn: async () => undefined,
  close: async () => undefined,
};
const away = new UpliftError('UPL-KAFKA-UNREACHABLE', { message: 'Cannot reach Kafka at h:9092.' });

describe('a producer that opens in the background', () => {
  test('is not ok, with the reason, until it is open', async () => {
    const role = opening([away, works]);
    expect(role.probe()).toMatchObject({ name: 'producer', ok: false, detail: 'connecting to Kafka' });
    await waitFor(async () => role.probe().detail.includes('Cannot reach Kafka at h:9092.'), {
      what: 'the reason',
      timeoutMs: 5000,
      intervalMs: 5,
    });
    expect(role.probe().ok).toBe(false);
    await waitFor(async () => role.probe().ok, { what: 'open', timeoutMs: 5000, intervalMs: 20 });
    expect(role.probe()).toEqual({ name: 'producer', ok: true, detail: 'open', ageMs: 0 });
    expect(await role.send(BATCH, { deadlineMs: 100 })).toMatchObject({ baseOffset: 7n });
  });

  test('until then refuses what certainly was not sent, and knows no leaders', async () => {
    const role = opening([away]);
    const refused = { code: 'UPL-KAFKA-OVERLOADED' };
    await expect(role.send(BATCH, { deadlineMs: 100 })).rejects.toMatchObject(refused);
    await expect(role.learn('events', { timeoutMs: 100 })).rejects.toMatchObject(refused);
  });
});
