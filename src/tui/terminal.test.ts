import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { holdOutput } from './terminal.ts';
import { FakeTerminal } from './testing/terminal.ts';

describe('output that is held', () => {
  it('is kept and told, while the terminal itself can be written to; then it is as it was', async () => {
    const stream = new FakeTerminal();
    const told: string[] = [];
    const held = holdOutput([stream, stream], (text) => told.push(text));
    const written = await new Promise((done) => stream.write(Buffer.from('somebody\n'), done));
    expect(written).toBeUndefined();
    stream.write('else\n', 'utf8');
    held.terminal(stream).write('the view');
    expect(held.terminal(stream).columns).toBe(80);
    expect(stream.lines()).toEqual(['the view']);
    expect(told).toEqual(['somebody\n', 'else\n']);
    expect(held.release()).toBe('somebody\nelse\n');
    expect(held.release()).toBe('');
    expect(Object.hasOwn(stream, 'write')).toBe(false);
    stream.write('\nafterwards');
    expect(stream.lines()).toEqual(['the view', 'afterwards']);
  });

  it("takes Node's own warnings too, and gives them back to who printed them", async () => {
    const before = process.listeners('warning');
    const held = holdOutput([], () => undefined);
    process.emitWarning('careful');
    await nextTurn();
    expect(held.release()).toBe('Warning: careful\n');
    expect(process.listeners('warning')).toEqual(before);
  });

  it('has an end: a program that prints without one fills no memory', () => {
    const stream = new FakeTerminal();
    const held = holdOutput([stream], () => undefined);
    for (let at = 0; at < 100; at += 1) stream.write('x'.repeat(1000));
    expect(held.release().length).toBe(64 * 1024);
  });
});
