import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openRedisNodes, openRedisWriter, type RedisNodes } from '../../src/clients/redis/index.ts';
import { waitFor } from '../../src/core/wait.ts';
import { probeVerdict, reportOf } from '../../src/drills/probe/judge.ts';
import type { ProbeWrite, StoreProbe } from '../../src/drills/probe/probe.ts';
import { redisProbe } from '../../src/drills/probe/redis.ts';
import { startRedis, type TestRedis } from '../support/redis-cluster.ts';
import { opinionOfProbe } from '../support/second-checker.ts';

// The positive control of the Redis probe: a real loss, made on purpose, must be reported with its very ids.

const run = promisify(execFile);
let redis: TestRedis;
let nodes: RedisNodes;
let probe: StoreProbe;
let master: string;
let replica: string;

beforeEach(async () => {
  redis = await startRedis('uplift-loss');
  master = redis.nodes[0] ?? '';
  replica = await redis.addReplica(0);
  nodes = openRedisNodes({ timeoutMs: 2000 });
});
afterEach(async () => {
  await probe?.close();
  await nodes?.close();
  await redis?.stop();
});

const cli = async (at: string, ...args: string[]): Promise<string> =>
  (await run('redis-cli', ['-p', at.split(':')[1] ?? '', ...args], { timeout: 5000 })).stdout.trim();

const acknowledged = (): ProbeWrite[] => probe.writes().filter(({ outcome }) => outcome === 'ok');

async function started(waitReplicas: number): Promise<void> {
  probe = redisProbe({
    redis: nodes,
    openWriter: (address) => openRedisWriter({ address, timeoutMs: 1000, waitReplicas }),
    shards: [{ master, members: [master, replica], ranges: ['0-5460'] }],
    struck: [master],
    runId: 'control',
    ...{ ratePerS: 100, waitReplicas, ttlMs: 600_000, timeoutMs: 5000 },
    monoNs: () => process.hrtime.bigint(),
  });
  await probe.start();
  await waitFor(async () => acknowledged().length > 100, { what: '100 acknowledgements', timeoutMs: 10_000 });
}

/** The replica may not come back to its master: it has no password. Connections that stand are left alone. */
async function cutLink(): Promise<void> {
  await cli(master, 'CONFIG', 'SET', 'requirepass', 'nobody-knows');
  await cli(master, '-a', 'nobody-knows', '--no-auth-warning', 'CLIENT', 'KILL', 'TYPE', 'replica');
  const down = async (): Promise<boolean> => {
    const role = await nodes.at(replica).role();
    return role.role === 'replica' && role.link !== 'connected';
  };
  await waitFor(down, { what: 'the replication link down', timeoutMs: 5000, intervalMs: 10 });
}

async function killAndJudge() {
  const faultNs = process.hrtime.bigint();
  await redis.kill(0);
  const leads = async (): Promise<boolean> => (await nodes.at(replica).role()).role === 'master';
  await waitFor(leads, { what: 'the replica leads', timeoutMs: 30_000 });
  return faultNs;
}

async function reported(faultNs: bigint) {
  await probe.stop();
  const reads = await probe.read();
  // The old master is gone for good here: that it was not read is known.
  expect(reads.unread).toEqual([`${master} had not caught up with its Redis master`]);
  const restoredNs = process.hrtime.bigint();
  return reportOf(probe, { writes: probe.writes(), reads: { ...reads, unread: [] }, faultNs, restoredNs });
}

describe('a Redis master that is killed with its replication link cut', () => {
  test('without WAIT: what it acknowledged alone is lost, and reported by its ids', async () => {
    await started(0);
    const whole = acknowledged().map(({ id }) => id);
    await cutLink();
    const from = acknowledged().length;
    await waitFor(async () => acknowledged().length > from + 30, { what: 'more', timeoutMs: 10_000 });
    const alone = acknowledged()
      .slice(from)
      .map(({ id }) => id);
    const faultNs = await killAndJudge();
    const then = acknowledged().length;
    await waitFor(async () => acknowledged().length > then, { what: 'writes again', timeoutMs: 20_000 });
    const report = await reported(faultNs);
    const lost = report.lost.map(({ id }) => id);
    expect(lost).toEqual(expect.arrayContaining(alone));
    expect(lost.filter((id) => whole.slice(0, 50).includes(id))).toEqual([]);
    expect(report.proof).toEqual({ planted: 1, named: 1 });
    expect(probeVerdict(report).broken).toEqual([
      `Redis lost ${lost.length} acknowledged writes of the probe`,
    ]);
    // Another client says the same of every single write.
    for (const { id } of acknowledged())
      expect([id, await cli(replica, 'EXISTS', id)]).toEqual([id, lost.includes(id) ? '0' : '1']);
    const { exit, missing } = await opinionOfProbe(probe.writes(), '', ['--redis', replica]);
    expect({ exit, missing }).toEqual({ exit: 10, missing: lost.toSorted() });
  }, 120_000);

  test('with WAIT 1: nothing is acknowledged that could be lost', async () => {
    await started(1);
    await cutLink();
    const unknown = (): number => probe.writes().filter(({ outcome }) => outcome === 'info').length;
    await waitFor(async () => unknown() > 30, { what: 'writes that nobody confirms', timeoutMs: 20_000 });
    const report = await reported(await killAndJudge());
    expect(report.lost).toEqual([]);
    expect(report.unknown).toBeGreaterThan(30);
  }, 120_000);
});
