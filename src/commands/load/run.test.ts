import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { quietDeps } from '../../../test/support/quiet-deps.ts';
import { EXIT } from '../../core/exit.ts';
import type { Deps } from '../../deps.ts';
import { loadHistory } from '../../load/history-reader.ts';
import { type FakeGateway, startFakeGateway } from '../../load/testing/gateway.ts';
import { loadRun } from './run.ts';

let folder = '';
let gateway: FakeGateway;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'load-run-'));
  gateway = await startFakeGateway({ partitions: 24 });
});
afterAll(async () => {
  await gateway.close();
  await rm(folder, { recursive: true });
});

async function configFor(url: string): Promise<string> {
  const file = join(folder, `uplift-${url.split(':').at(-1)}.yaml`);
  await writeFile(
    file,
    `version: 1
environment: { name: test }
regions:
  - name: local
    kafka: { brokers: ["127.0.0.1:1"] }
    service: { gateways: [{ id: gateway-1, url: "${url}" }] }
topics:
  - { name: reservations.commands, partitions: 24, replicationFactor: 3, minInsyncReplicas: 2 }
`,
  );
  return file;
}

async function deps(
  url: string,
  signal = new AbortController().signal,
): Promise<{ deps: Deps; said: string[] }> {
  const said: string[] = [];
  const config = await configFor(url);
  return {
    said,
    deps: {
      ...quietDeps(config, join(folder, 'state'), folder),
      signal,
      progress: ({ text }) => said.push(text),
    },
  };
}

const INPUT = { rate: 50, duration: '1200ms', seed: 1, capacity: 100, mix: 'all' } as const;

test('it runs against the gateways of the region, says what counts, and leaves its history in the state folder', async () => {
  const { deps: own, said } = await deps(gateway.url);
  const outcome = await loadRun(own, INPUT);
  expect(outcome).toMatchObject({
    exit: EXIT.ok,
    kind: 'load.run',
    data: { acknowledged: 60, scheduled: 60 },
  });
  expect(outcome.blocks[1]).toMatchObject({
    kind: 'counts',
    items: [
      ['acknowledged', 60],
      ['unknown', 0],
      ['failed', 0],
      ['not sent', 0],
    ],
  });
  const [, , details] = outcome.blocks;
  const rows = details?.kind === 'keyValues' ? details.rows : [];
  expect(rows.find(([name]) => name === 'by verb')?.[1]).toMatch(/^create \d+ · hold \d+$/);
  expect(said.length).toBeGreaterThanOrEqual(2);
  const { history } = outcome.data as { history: string };
  expect(history.startsWith(join(folder, 'state', 'runs'))).toBe(true);
  expect((await loadHistory(history)).report.digest).toBe('equal');
});

test('nothing acknowledged is inconclusive (12)', async () => {
  const { deps: own } = await deps('http://127.0.0.1:9');
  const outcome = await loadRun(own, { ...INPUT, duration: '200ms', history: 'none.ndjson' });
  expect(outcome.exit).toBe(EXIT.inconclusive);
  expect(await readFile(join(folder, 'none.ndjson'), 'utf8')).toContain('ECONNREFUSED');
});

test('a signal ends it early with a whole history', async () => {
  const abort = new AbortController();
  const { deps: own } = await deps(gateway.url, abort.signal);
  setTimeout(() => abort.abort('SIGINT'), 500);
  const outcome = await loadRun(own, { ...INPUT, duration: '1h', history: 'early.ndjson' });
  expect(outcome.exit).toBe(EXIT.ok);
  expect((await loadHistory(join(folder, 'early.ndjson'))).report.digest).toBe('equal');
});

test('an existing history is refused before anything is sent', async () => {
  const { deps: own } = await deps(gateway.url);
  const before = gateway.requests.length;
  await expect(loadRun(own, { ...INPUT, history: 'early.ndjson' })).rejects.toMatchObject({
    code: 'UPL-CANNOT-WRITE',
    exit: 74,
  });
  expect(gateway.requests.length).toBe(before);
});
