import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openCluster } from '../clients/kafka/cluster.ts';
import { openSql } from '../clients/postgres/index.ts';
import { procEntry } from '../clients/process/proc-table.ts';
import { waitReady } from '../clients/process/ready.ts';
import { killUnit, pauseUnit } from '../clients/process/signal.ts';
import { startUnit } from '../clients/process/start.ts';
import { type PlacedUnit, readUnits } from '../clients/process/unit-files.ts';
import type { ProgressEvent } from '../core/blocks.ts';
import { waitFor } from '../core/wait.ts';
import { sandboxDown } from './down.ts';
import { sandboxDir } from './layout.ts';
import { redisCall } from './resp.ts';
import { brokersRegistered, redisReady, replicasStreaming } from './servers-ready.ts';
import { sandboxStatus } from './status.ts';
import { nothingLeft, processesIn, tracesOf } from './traces-fixture.ts';
import { sandboxUp, type UpRequest } from './up.ts';

let stateDir: string;
const quiet = (): void => undefined;
const never = new AbortController().signal;
const up = (name: string, change: Partial<UpRequest> = {}) =>
  sandboxUp({
    stateDir,
    env: process.env,
    options: { name, service: false },
    progress: quiet,
    signal: never,
    ...change,
  });

beforeAll(async () => {
  stateDir = join(await mkdtemp(join(tmpdir(), 'uplift-sandbox-test-')), 'state');
  await chmod(join(stateDir, '..'), 0o755);
});
afterAll(() => rm(join(stateDir, '..'), { recursive: true, force: true }));
afterEach(async () => {
  for (const name of ['whole', 'broken', 'cut']) await sandboxDown({ stateDir, name, progress: quiet });
});

async function unitsOf(name: string, kind: string): Promise<PlacedUnit[]> {
  const units = await readUnits(join(sandboxDir(stateDir, name), 'units'));
  return units.filter((unit) => unit.kind === kind);
}

async function again(unit: PlacedUnit | undefined): Promise<void> {
  if (unit === undefined) throw new Error('no such unit');
  await startUnit(unit);
  await waitReady(unit);
}

describe('a whole sandbox', () => {
  test('real servers on three racks, with replicas that count; kill, start, stop, start again; down leaves nothing', async () => {
    const events: ProgressEvent[] = [];
    const made = await up('whole', { progress: (event) => events.push(event) });
    expect(Object.keys(made.readyInMs)).toHaveLength(13);
    expect(events.filter((event) => event.state === 'done').map((event) => event.phase)).toEqual(
      expect.arrayContaining([
        'kafka-1',
        'postgres-az-c',
        'pgbouncer',
        'redis-6',
        'kafka',
        'postgres',
        'redis',
      ]),
    );
    await expect(up('whole')).rejects.toMatchObject({ code: 'UPL-SANDBOX-EXISTS', exit: 15 });

    const kafka = await unitsOf('whole', 'kafka');
    const postgres = await unitsOf('whole', 'postgres');
    const redis = await unitsOf('whole', 'redis');
    await kafkaOnThreeRacks(kafka);
    await twoReplicasCount(postgres);
    await slotsAreCovered(redis);

    await survivesKills(kafka, postgres, redis);

    await writeMark(postgres);
    await sandboxDown({ stateDir, name: 'whole', keepData: true, progress: quiet });
    expect(
      (await sandboxStatus(stateDir, 'whole', Date.now())).units.every((unit) => unit.state === 'exited'),
    ).toBe(true);
    expect(await up('whole')).toMatchObject({ restarted: true });
    expect(await readMark(postgres)).toBe(1n);
    await slotsAreCovered(redis);

    // Half of it dead, one hanging: down copes.
    const traces = await tracesOf(stateDir, 'whole');
    for (const unit of [kafka[0], postgres[0], redis[3]]) if (unit !== undefined) await killUnit(unit);
    if (postgres[1] !== undefined) await pauseUnit(postgres[1]);
    expect(await sandboxDown({ stateDir, name: 'whole', progress: quiet })).toMatchObject({
      found: true,
      kept: [],
    });
    await nothingLeft(traces);
    expect(await sandboxDown({ stateDir, name: 'whole', progress: quiet })).toMatchObject({ found: false });
  });
});

describe('a start that does not work out', () => {
  test('a server that dies stops all the others, and the error names it with its last words', async () => {
    const fake = await mkdtemp(join(stateDir, '..', 'bin-'));
    await writeFile(
      join(fake, 'redis-server'),
      '#!/bin/sh\necho "Bad directive or wrong number of arguments" >&2\nexit 1\n',
      { mode: 0o755 },
    );
    const env = { ...process.env, PATH: `${fake}${delimiter}${process.env.PATH}` };
    const failed = up('broken', { env });
    await expect(failed).rejects.toMatchObject({
      code: 'UPL-SANDBOX-START',
      exit: 69,
      message: expect.stringMatching(/redis-\d ended.*\n.*Bad directive/s),
    });
    expect(await processesIn(stateDir)).toEqual([]);
    const logs = await readdir(join(stateDir, 'sandbox', 'broken.failed-logs'));
    expect(logs).toContain('redis-1.log');
  });

  test('an interrupt halfway stops everything and throws its reason', async () => {
    const interrupt = new AbortController();
    const seen: number[] = [];
    const started = up('cut', {
      signal: interrupt.signal,
      progress: (event) => {
        if (event.phase !== 'kafka-1' || event.state !== 'running') return;
        waitFor(async () => (await tracesOf(stateDir, 'cut')).pids.length >= 9, {
          what: 'servers on their way',
          timeoutMs: 20_000,
          intervalMs: 20,
        })
          .then(async () => seen.push(...(await tracesOf(stateDir, 'cut')).pids))
          .finally(() => interrupt.abort('SIGINT'));
      },
    });
    await expect(started).rejects.toBe('SIGINT');
    expect(seen.length).toBeGreaterThan(8);
    expect(await Promise.all(seen.map(procEntry))).toEqual(seen.map(() => undefined));
    expect(await readdir(join(stateDir, 'sandbox')).catch((): string[] => [])).not.toContain('cut');
  });
});

async function kafkaOnThreeRacks(kafka: readonly PlacedUnit[]): Promise<void> {
  const cluster = openCluster({
    brokers: kafka.map((unit) => `127.0.0.1:${unit.labels.port}`),
    clientId: 'test',
    requestTimeoutMs: 5000,
  });
  try {
    const { brokers } = await cluster.describe({ timeoutMs: 5000 });
    expect(new Map(brokers.map((broker) => [broker.id, broker.rack]))).toEqual(
      new Map([
        [1, 'az-a'],
        [2, 'az-b'],
        [3, 'az-c'],
      ]),
    );
    expect((await cluster.quorum({ timeoutMs: 5000 })).voters.map((voter) => voter.id).sort()).toEqual([
      1, 2, 3,
    ]);
    const configs = (await cluster.brokerConfigs([1], { timeoutMs: 5000 })).get(1) ?? [];
    const config = new Map(configs.map((entry) => [entry.name, entry.value]));
    expect(config.get('auto.create.topics.enable')).toBe('false');
    expect(config.get('broker.session.timeout.ms')).toBe('3000');
    expect(config.get('min.insync.replicas')).toBe('2');
  } finally {
    await cluster.close();
  }
}

async function sqlOn<T extends object>(unit: PlacedUnit | undefined, text: string): Promise<readonly T[]> {
  const password = (await readFile(join(sandboxDir(stateDir, 'whole'), 'postgres.password'), 'utf8')).trim();
  const port = Number(unit?.labels.port);
  const limits = { maxConnections: 1, connectTimeoutMs: 5000, queryTimeoutMs: 10_000 };
  const sql = openSql({ host: '127.0.0.1', port, database: 'uplift', user: 'uplift', password, ...limits });
  try {
    return (await sql.query<T>(text)).rows;
  } finally {
    await sql.close();
  }
}

async function twoReplicasCount(postgres: readonly PlacedUnit[]): Promise<void> {
  const rows = await sqlOn<{ name: string; sync: string }>(
    postgres[0],
    'SELECT application_name AS name, sync_state AS sync FROM pg_stat_replication ORDER BY 1',
  );
  expect(rows).toEqual([
    { name: 'az_b', sync: 'quorum' },
    { name: 'az_c', sync: 'quorum' },
  ]);
  const [settings] = await sqlOn<{ fsync: string; sums: string }>(
    postgres[0],
    "SELECT current_setting('fsync') AS fsync, current_setting('data_checksums') AS sums",
  );
  expect(settings).toEqual({ fsync: 'on', sums: 'on' });
  expect(await sqlOn(postgres[1], 'SELECT pg_is_in_recovery() AS standby')).toEqual([{ standby: true }]);
  const [pooler] = await unitsOf('whole', 'pgbouncer');
  expect(await sqlOn(pooler, 'SELECT pg_is_in_recovery() AS standby')).toEqual([{ standby: false }]);
}

async function slotsAreCovered(redis: readonly PlacedUnit[]): Promise<void> {
  const infos = await Promise.all(
    redis.map(async (unit) => String(await redisCall(Number(unit.labels.port), ['CLUSTER', 'INFO']))),
  );
  for (const info of infos)
    expect(info).toMatch(/cluster_state:ok[\s\S]*cluster_slots_ok:16384[\s\S]*cluster_size:3/);
}

async function survivesKills(
  kafka: readonly PlacedUnit[],
  postgres: readonly PlacedUnit[],
  redis: readonly PlacedUnit[],
): Promise<void> {
  for (const unit of [kafka[1], postgres[0], redis[5]]) {
    if (unit === undefined) continue;
    await killUnit(unit);
    const { units } = await sandboxStatus(stateDir, 'whole', Date.now());
    expect(units.filter((row) => row.state !== 'running').map((row) => row.id)).toEqual([unit.id]);
    await again(unit);
  }
  const password = (await readFile(join(sandboxDir(stateDir, 'whole'), 'postgres.password'), 'utf8')).trim();
  await Promise.all([
    brokersRegistered(kafka, never),
    replicasStreaming(postgres, password, never),
    redisReady(redis, never),
  ]);
}

async function writeMark(postgres: readonly PlacedUnit[]): Promise<void> {
  await sqlOn(postgres[0], 'CREATE TABLE mark AS SELECT 1 AS one');
}

async function readMark(postgres: readonly PlacedUnit[]): Promise<bigint | undefined> {
  const [row] = await sqlOn<{ count: bigint }>(postgres[0], 'SELECT count(*) AS count FROM mark');
  return row?.count;
}
