import { createRequire } from 'node:module';
import { Reader, readRecordsBatch } from '@platformatic/kafka';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isUpliftError } from '../../core/error.ts';
import { toKafkaJsHeaders } from './headers.ts';
import type { Header } from './ports.ts';

const require = createRequire(import.meta.url);

const header = (key: string, value: string | null = 'x'): Header => [
  Buffer.from(key),
  value === null ? null : Buffer.from(value),
];

/** What really stands on the wire: kafkajs's own encoder, read back by the other client. */
async function throughTheWire(headers: readonly Header[]): Promise<string[][]> {
  const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0/index.js');
  const Record = require('kafkajs/src/protocol/recordBatch/record/v0/index.js');
  const records = [Record({ key: null, value: Buffer.from('v'), headers: toKafkaJsHeaders(headers) })];
  const encoded = await RecordBatch({ records });
  const batch = readRecordsBatch(Reader.from(encoded.buffer as Buffer));
  return (batch.records[0]?.headers ?? []).map(([key, value]) => [String(key), String(value)]);
}

const text = (headers: readonly Header[]): string[][] =>
  headers.map(([key, value]) => [String(key), String(value)]);

describe('record headers for kafkajs', () => {
  it('refuses null values, which kafkajs cannot write', () => {
    expect(() => toKafkaJsHeaders([header('a', null)])).toThrow('null value');
  });

  it('refuses keys that are not UTF-8', () => {
    expect(() => toKafkaJsHeaders([[Buffer.from([0xff, 0xfe]), Buffer.from('x')]])).toThrow('not UTF-8');
  });

  it('refuses integer-like keys only where JavaScript would move them', () => {
    expect(() => toKafkaJsHeaders([header('b'), header('7')])).toThrow('change its place');
    expect(() => toKafkaJsHeaders([header('7'), header('3')])).toThrow('change its place');
    expect(() => toKafkaJsHeaders([header('3'), header('7'), header('b')])).not.toThrow();
  });

  it('refuses repeats that do not stand side by side', () => {
    expect(() => toKafkaJsHeaders([header('a', '1'), header('b'), header('a', '2')])).toThrow(
      'change its place',
    );
    expect(() => toKafkaJsHeaders([header('a', '1'), header('a', '2'), header('b')])).not.toThrow();
  });

  it('carries what looks like a part of every JavaScript object', async () => {
    const headers = [header('__proto__'), header('constructor'), header('')];
    expect(await throughTheWire(headers)).toEqual(text(headers));
  });

  it('carries any list unchanged through the wire, or refuses it', async () => {
    const key = fc.oneof(
      fc.constantFrom('a', 'b', '1', '2', '__proto__'),
      fc.string({ unit: 'grapheme', maxLength: 4 }),
    );
    const list = fc.array(fc.tuple(key, fc.oneof(fc.constant(null), fc.string({ maxLength: 3 }))), {
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(list, async (pairs) => {
        const headers = pairs.map(([k, v]) => header(k, v));
        try {
          toKafkaJsHeaders(headers);
        } catch (error) {
          expect(isUpliftError(error, 'UPL-KAFKA-HEADERS')).toBe(true);
          return;
        }
        expect(await throughTheWire(headers)).toEqual(text(headers));
      }),
      { numRuns: 300 },
    );
  });
});
