import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { statusOf } from '../../src/clients/process/status.ts';
import { openRedisNodes } from '../../src/clients/redis/index.ts';
import type { DrillResult } from '../../src/drills/engine/result.ts';
import { lookAtNodes, type RedisLook } from '../../src/drills/redis/look.ts';
import { diffRedis, mastersOf, type RedisTopology, topologyOf } from '../../src/drills/redis/topology.ts';
import { readRecord } from '../../src/record/open.ts';
import { pendingUndo } from '../../src/steps/journal-kinds.ts';
import { expectExit, ProofSandbox } from '../support/sandbox.ts';
import { documentOf, type ErrorDocument } from '../support/sandbox-cli.ts';
import { whenReady } from '../support/sandbox-drills.ts';
import { killWithWatchdog, nextRun, runIds, untilKill } from '../support/sandbox-runs.ts';

const run = promisify(execFile);
const LOAD = ['--baseline', '2', '--rate', '50'];
const KILL = 'drill.redis.kill';

let sandbox: ProofSandbox;
let before: RedisTopology;

beforeAll(async () => {
  sandbox = await ProofSandbox.start();
});
beforeEach(async () => {
  before = topologyOf(await looks());
  expect(before.nodes).toHaveLength(6);
  expect(mastersOf(before)).toHaveLength(3);
});
afterAll(() => sandbox?.down());

const ports = async (): Promise<string[]> =>
  (await sandbox.units('redis')).map(({ labels }) => labels.port ?? '');

/** As the test's own client sees it, not as a drill says. */
async function looks(): Promise<RedisLook[]> {
  const redis = openRedisNodes({ timeoutMs: 5000 });
  try {
    return await lookAtNodes(
      redis,
      (await ports()).map((port) => `127.0.0.1:${port}`),
    );
  } finally {
    await redis.close();
  }
}

async function expectRestored(): Promise<void> {
  expect(diffRedis(before, await looks())).toEqual([]);
  const states = await Promise.all((await sandbox.units('redis')).map(statusOf));
  expect(states.map(({ state }) => state)).toEqual(states.map(() => 'running'));
}

/** By another client than the drill's: keys of the probe that are left anywhere. */
async function keysLeft(): Promise<string[]> {
  const scans = (await ports()).map((port) =>
    run('redis-cli', ['-p', port, '--scan', '--pattern', 'uplift_probe*'], { timeout: 10_000 }),
  );
  return (await Promise.all(scans)).flatMap(({ stdout }) => stdout.split('\n').filter((line) => line !== ''));
}

interface RunDocument {
  readonly result: DrillResult;
  readonly record: { readonly path: string };
}

async function drill(id: string): Promise<DrillResult> {
  await whenReady(sandbox, id);
  const { result, record } = await sandbox.json<RunDocument>(['drill', 'run', id, '--yes', ...LOAD], 0);
  expect((await readRecord(record.path)).status).toBe('sealed');
  expect(result).toMatchObject({ hypothesis: 'held', restored: 'restored', topologyDiff: [] });
  expect(result.judgement.lost).toEqual([]);
  expect(result.probe).toMatchObject({
    ...{ lost: [], lostCount: 0, phantom: [], duplicate: [], unread: [], places: 6 },
    proof: { planted: 6, named: 6 },
  });
  expect(result.probe?.struck.acknowledgedJustBefore).toBeGreaterThan(0);
  expect(result.probe?.struck.acknowledgedAfter).toBeGreaterThan(50);
  const history = await readFile(join(dirname(record.path), 'probe.ndjson'), 'utf8');
  expect(history.match(/"outcome":"ok"/g)).toHaveLength(result.probe?.acknowledged ?? 0);
  await expectRestored();
  expect(await keysLeft()).toEqual([]);
  return result;
}

describe('the drills of Redis', () => {
  test('a master that is killed: its replica takes over, nothing is lost, and everything is put back', async () => {
    const { recovery, probe } = await drill('redis-shard-loss');
    // cluster-node-timeout of the sandbox is 2 s: nobody can have noticed it much before.
    expect(recovery.detectMs).toBeGreaterThan(1500);
    expect(recovery.electMs).toBeGreaterThanOrEqual(0);
    expect(recovery.reconnectMs).not.toBeNull();
    expect(probe?.struck.silentMs).toBeGreaterThan(2000);
    expect(probe?.refused).toBeGreaterThan(0);
  }, 300_000);

  test('a shard that is handed over and back: no detection, no loss, a silence shorter than any failover', async () => {
    const { recovery, probe } = await drill('redis-shard-failover');
    expect(recovery.detectMs).toBeNull();
    expect(recovery.electMs).toBeLessThan(5000);
    expect(probe?.struck.silentMs).toBeLessThan(2000);
  }, 300_000);

  test('one whose host dies right after its kill is refused a second one, and recovered by another process', async () => {
    await whenReady(sandbox, 'redis-shard-loss');
    const known = await runIds(sandbox);
    const child = sandbox.start(['drill', 'run', 'redis-shard-loss', '--yes', ...LOAD]);
    const seen = await nextRun(sandbox, known);
    await untilKill(seen, 'step.done', KILL);
    await killWithWatchdog(seen, child);
    expect((await looks()).filter((look) => !look.seen)).toHaveLength(1);

    const refused = await sandbox.json<ErrorDocument>(['drill', 'run', 'redis-shard-loss', '--yes'], 15);
    expect(refused.code).toBe('UPL-DRILL-UNFINISHED');

    const recovered = await sandbox.run(['drill', 'recover', '--output', 'json']);
    expectExit(recovered, 0);
    expect(documentOf<{ runs: unknown }>(recovered).runs).toEqual([
      {
        runId: seen.runId,
        undone: [
          expect.stringMatching(/^SIGKILL Redis master 127\.0\.0\.1:\d+$/),
          'hold the topology of 6 Redis nodes',
        ],
        ...{ failed: [], sealed: true },
      },
    ]);
    await expectRestored();
    const record = await readRecord(seen.journal);
    expect(record.status).toBe('sealed');
    expect(pendingUndo(record.entries)).toEqual([]);
  }, 300_000);
});
