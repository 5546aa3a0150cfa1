import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openSql } from '../../src/clients/postgres/index.ts';
import { stopUnit } from '../../src/clients/process/signal.ts';
import { statusOf } from '../../src/clients/process/status.ts';
import type { PlacedUnit } from '../../src/clients/process/unit-files.ts';
import { VIEWS } from '../../src/contract/projection.ts';
import type { Finding } from '../../src/core/finding.ts';
import { waitFor } from '../../src/core/wait.ts';
import { loadHistory } from '../../src/load/history-reader.ts';
import { steady } from '../signals/checks.ts';
import { ProofSandbox } from '../support/sandbox.ts';
import { writerOf } from '../support/sandbox-writer.ts';
import { canMount, moveToSmallDisk, NEEDS_ROOT, type SmallDisk } from '../support/small-disk.ts';

/** A server whose disk is full: somebody says so, the others go on, and when there is room nothing is missing. */
let sandbox: ProofSandbox;
let full: { readonly unit: PlacedUnit; readonly disk: SmallDisk } | undefined;
let loads = 0;

beforeAll(async () => {
  sandbox = await ProofSandbox.start();
});
afterAll(async () => {
  // What is mounted over a data folder has to go before the folder.
  for (const { unit, disk } of moved) {
    await stopUnit(unit);
    await disk.unmount();
  }
  await sandbox?.down();
});
const moved: { readonly unit: PlacedUnit; readonly disk: SmallDisk }[] = [];

afterEach(async () => {
  await full?.disk.free();
  full = undefined;
});

const ROOM_KIB = 4_096;

/** Moves a server to a small disk, waits until the platform is well again, and fills the disk to the last byte. */
async function fillDiskOf(id: string, skip: (why: string) => void): Promise<PlacedUnit> {
  if (!canMount) skip(NEEDS_ROOT);
  const units = [...(await sandbox.units('postgres')), ...(await sandbox.units('kafka'))];
  const unit = units.find((one) => one.id === id);
  if (unit === undefined) throw new Error(`no unit ${id}`);
  const disk = await moveToSmallDisk(unit, ROOM_KIB);
  full = { unit, disk };
  moved.push(full);
  await untilWell();
  await disk.fill();
  return unit;
}

/** Makes room again and starts the server if it has ended. */
async function freeDiskOf(unit: PlacedUnit): Promise<void> {
  await full?.disk.free();
  if ((await statusOf(unit)).state === 'running') return;
  await sandbox.json(['sandbox', 'start', unit.id, '--name', sandbox.name], 0);
}

/** Some seconds of load; answers the event ids of what was acknowledged, which has to be found again. */
async function acknowledgedUnderLoad(seconds: number): Promise<readonly string[]> {
  loads += 1;
  const history = join(sandbox.workDir, `load-${loads}.ndjson`);
  const args = ['load', 'run', '--duration', `${seconds}s`, '--rate', '60', '--history', history];
  await sandbox.run(args);
  const { ops } = await loadHistory(history);
  const ids = ops.filter(({ outcome }) => outcome === 'ok').map(({ eventId }) => eventId);
  expect(ids.length).toBeGreaterThan(seconds * 10);
  return ids;
}

/** Waits until every one of these operations is applied on a server, as the test's own client sees it. */
async function appliedOn(id: string, ids: readonly string[]): Promise<void> {
  const unit = (await sandbox.units('postgres')).find((one) => one.id === id);
  const sql = openSql({ ...(await writerOf(sandbox)), port: Number(unit?.labels.port) });
  try {
    const query = `SELECT count(*)::int AS found FROM ${VIEWS.operations} WHERE event_id = ANY($1::text[])`;
    const all = async (): Promise<boolean> => {
      const { rows } = await sql.query<{ found: number }>(query, [ids]);
      if (rows[0]?.found === ids.length) return true;
      throw new Error(`${rows[0]?.found} of ${ids.length}`);
    };
    await waitFor(all, { what: `every acknowledged operation on ${id}`, timeoutMs: 60_000, intervalMs: 500 });
  } finally {
    await sql.close();
  }
}

async function findings(): Promise<readonly Finding[]> {
  const result = await sandbox.run(['check', '--output', 'json']);
  return (JSON.parse(result.stdout) as { findings: readonly Finding[] }).findings;
}

async function untilWell(): Promise<void> {
  await steady(sandbox);
  const well = async (): Promise<boolean> => {
    const bad = (await findings()).filter(({ status }) => status !== 'pass');
    if (bad.length > 0) throw new Error(bad.map(({ id, summary }) => `${id}: ${summary}`).join(' | '));
    return true;
  };
  await waitFor(well, { what: 'every check passes', timeoutMs: 90_000, intervalMs: 1000 });
}

/** Waits until `check` does not pass this one any more; answers what it says. */
function untilFound(id: string): Promise<string> {
  const found = async (): Promise<string | undefined> => {
    const finding = (await findings()).find((one) => one.id === id);
    return finding?.status === 'fail' || finding?.status === 'inconclusive' ? finding.summary : undefined;
  };
  return waitFor(found, { what: `a finding of ${id}`, timeoutMs: 60_000, intervalMs: 500 });
}

describe('a Postgres replica without room', () => {
  test('is a finding, the other one keeps commits durable, and with room it has everything', async ({
    skip,
  }) => {
    const unit = await fillDiskOf('postgres-az-c', skip);
    const ids = await acknowledgedUnderLoad(6);
    expect(await untilFound('postgres.replication')).toContain('az-c');
    await appliedOn('postgres-az-a', ids);
    await freeDiskOf(unit);
    await untilWell();
    await appliedOn('postgres-az-c', ids);
  }, 300_000);
});

describe('a Postgres primary without room', () => {
  test('takes nothing and says so, the gateways go on, and with room every acknowledged one is applied', async ({
    skip,
  }) => {
    const unit = await fillDiskOf('postgres-az-a', skip);
    const ids = await acknowledgedUnderLoad(6);
    await untilFound('projection.freshness');
    expect(await readinessOfProjector()).toMatch(/not applied, \d+ times|Postgres: /);
    await freeDiskOf(unit);
    await untilWell();
    await appliedOn('postgres-az-a', ids);
  }, 300_000);
});

describe('a Kafka broker without room', () => {
  test('is a finding, the two others take the writes, and with room every ISR is full again', async ({
    skip,
  }) => {
    const unit = await fillDiskOf('kafka-3', skip);
    const during = await acknowledgedUnderLoad(8);
    expect(await untilFound('kafka.brokers.racks')).toContain(`127.0.0.1:${unit.labels.port}`);
    const after = await acknowledgedUnderLoad(4);
    await freeDiskOf(unit);
    await untilWell();
    await appliedOn('postgres-az-a', [...during, ...after]);
  }, 300_000);
});

/** What the projector says of itself while it is not ready. */
async function readinessOfProjector(): Promise<string> {
  const unit = (await sandbox.units('service')).find(({ labels }) => labels.role === 'projector');
  const answer = await fetch(`http://127.0.0.1:${unit?.labels.port}/readyz`, {
    signal: AbortSignal.timeout(5000),
  });
  const body = await answer.text();
  expect(`${answer.status} ${body}`).toMatch(/^503 /);
  return body;
}
