import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { waitFor } from '../../core/wait.ts';
import { DecisionMemory } from './memory.ts';

describe('the memory of decisions', () => {
  test('tells the same decision from another one, and forgets the oldest beyond its limit', () => {
    const memory = new DecisionMemory(3);
    for (const offset of [0n, 1n, 2n, 3n])
      expect(memory.compare(offset, Buffer.from(`d${offset}`))).toBe('first');
    expect(memory.has(0n)).toBe(false);
    expect(memory.compare(3n, Buffer.from('d3'))).toBe('same');
    expect(memory.compare(3n, Buffer.from('dx'))).toBe('differs');
    expect(memory.compare(3n, Buffer.from('d3'))).toBe('same');
  });

  test('forgets none that the log has not shown yet, and catches up once it has', () => {
    const memory = new DecisionMemory(3);
    for (let offset = 0n; offset < 10n; offset += 1n) memory.compare(offset, Buffer.from('d'), 1n);
    expect([0n, 1n, 2n, 9n].map((offset) => memory.has(offset))).toEqual([false, false, true, true]);
    memory.compare(10n, Buffer.from('d'), 9n);
    expect([7n, 8n, 9n, 10n].map((offset) => memory.has(offset))).toEqual([false, true, true, true]);
  });

  test('holds at most its limit, however many came', () => {
    const memory = new DecisionMemory(100);
    for (let offset = 0n; offset < 1_000n; offset += 1n) memory.compare(offset, Buffer.from(String(offset)));
    const kept = Array.from({ length: 1_000 }, (_, offset) => memory.has(BigInt(offset)));
    expect(kept.filter(Boolean)).toHaveLength(100);
    expect(kept.slice(900).every(Boolean)).toBe(true);
  });

  test('keeps nothing of the answers that the decisions were cut from', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const answerBytes = 256 * 1024;
    const memory = new DecisionMemory(400);
    collect();
    const before = process.memoryUsage().arrayBuffers;
    for (let offset = 0n; offset < 400n; offset += 1n)
      memory.compare(offset, Buffer.allocUnsafeSlow(answerBytes).fill(1).subarray(0, 600));
    // V8 frees the memory of buffers beside the collection, a moment later.
    const freed = async (): Promise<boolean> => {
      collect();
      return process.memoryUsage().arrayBuffers - before < 40 * answerBytes;
    };
    await waitFor(freed, { what: 'answers freed', timeoutMs: 8_000, intervalMs: 50 });
    expect(memory.has(0n)).toBe(true);
  });
});
