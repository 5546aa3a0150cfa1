import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { secondsOfHistory } from './seconds.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seconds-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const header = {
  t: 'header',
  v: 1,
  runId: 'r',
  tenant: 't',
  wallMs: 0,
  monoNs: '77',
  ratePerS: 1,
  partitions: 1,
  seed: 1,
  gateways: [],
};

const invoke = (op: number, event: string, dueUs: number, attempt = 1) => ({
  t: 'invoke',
  op,
  key: event,
  event,
  resource: 'r',
  partition: 0,
  slot: null,
  quantity: null,
  attempt,
  gateway: 'g',
  dueUs,
  sentUs: dueUs,
});
const done = (t: 'ok' | 'fail' | 'info', op: number, atUs: number) => ({
  t,
  op,
  atUs,
  status: null,
  token: null,
  reason: null,
});

async function secondsOf(entries: readonly object[]) {
  const path = join(folder, 'h.ndjson');
  await writeFile(path, [header, ...entries].map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  return secondsOfHistory(path);
}

test('a history gives the seconds that were seen: by completion, empty ones too', async () => {
  const { seconds, startedNs } = await secondsOf([
    invoke(1, 'a', 100_000),
    done('ok', 1, 120_000),
    invoke(2, 'b', 200_000),
    invoke(3, 'c', 300_000),
    done('fail', 2, 2_100_000),
    done('info', 3, 2_200_000),
  ]);
  expect(startedNs).toBe(77n);
  expect(seconds.map(({ ok, fail, info }) => [ok, fail, info])).toEqual([
    [1, 0, 0],
    [0, 0, 0],
    [0, 1, 1],
  ]);
  expect(seconds[0]?.p99Ms).toBeCloseTo(20, 0);
  expect(seconds[2]?.p99Ms).toBeNull();
});

test('a latency counts from the first attempt, whichever came through', async () => {
  const { seconds } = await secondsOf([
    invoke(1, 'a', 100_000),
    done('fail', 1, 300_000),
    invoke(2, 'a', 600_000, 2),
    done('ok', 2, 900_000),
  ]);
  expect(seconds[0]?.p99Ms).toBeCloseTo(800, -1);
});

test('what never came back counts nowhere', async () => {
  const { seconds } = await secondsOf([invoke(1, 'a', 100_000), done('ok', 9, 200_000)]);
  expect(seconds).toEqual([]);
});
