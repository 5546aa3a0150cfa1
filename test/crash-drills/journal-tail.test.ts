import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { untilIntent } from './journal-tail.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'uplift-tail-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const line = (kind: string, body: unknown = {}): string =>
  `${JSON.stringify({ kind, actor: 'drill.run pid 1', body })}\n`;
const intent = (kind: string): string => line('step.intent', { step: { kind } });
const { signal } = new AbortController();

it('waits for the intent of a step, also where its line comes in parts, and says when the watchdog is there', async () => {
  const path = join(folder, 'parts.ndjson');
  await writeFile(path, line('drill.started'));
  const order: string[] = [];
  const onWatched = async (): Promise<void> => void order.push('watched');
  const found = untilIntent(path, 2, { timeoutMs: 5000, signal, onWatched }).then((kind) => order.push(kind));
  await appendFile(path, line('drill.watched') + line('drill.baseline') + intent('hold') + line('step.done'));
  const text = intent('kill');
  await appendFile(path, text.slice(0, 20));
  await appendFile(path, text.slice(20) + intent('after'));
  await found;
  expect(order).toEqual(['watched', 'kill']);
});

it('gives up after its time', async () => {
  const path = join(folder, 'none.ndjson');
  await writeFile(path, intent('hold'));
  const options = { timeoutMs: 60, signal, onWatched: async () => undefined };
  await expect(untilIntent(path, 2, options)).rejects.toMatchObject({ code: 'UPL-DEADLINE' });
});
