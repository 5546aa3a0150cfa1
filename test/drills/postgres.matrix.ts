import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { statusOf } from '../../src/clients/process/status.ts';
import { processPooler } from '../../src/drills/actuators/pooler-process.ts';
import { processPostgres } from '../../src/drills/actuators/postgres-process.ts';
import type { DrillResult } from '../../src/drills/engine/result.ts';
import { misplaced } from '../../src/drills/steps/postgres/places.ts';
import { lookAtAll, type PostgresSet } from '../../src/drills/steps/postgres/set.ts';
import { readRecord } from '../../src/record/open.ts';
import { pendingUndo } from '../../src/steps/journal-kinds.ts';
import { setNow } from '../crash/failover.ts';
import { ProofSandbox } from '../support/sandbox.ts';
import { documentOf } from '../support/sandbox-cli.ts';
import {
  killWithWatchdog,
  nextRun,
  runIds,
  type SeenRun,
  seenRun,
  untilKill,
} from '../support/sandbox-runs.ts';

const LOAD = ['--yes', '--rate', '60', '--baseline', '2', '--output', 'json'];
const RUN_MS = 240_000;

let sandbox: ProofSandbox;
let before: PostgresSet;

beforeAll(async () => {
  sandbox = await ProofSandbox.start();
}, 300_000);
beforeEach(async () => {
  before = await setNow(sandbox.unitsDir, await sandbox.units('postgres'));
  await expectAsBefore();
});
afterAll(() => sandbox?.down());

/** As the test sees it with looks of its own, not as a drill says. */
async function expectAsBefore(): Promise<void> {
  const now = await setNow(sandbox.unitsDir, await sandbox.units('postgres'));
  expect(now).toEqual({ ...before, primary: 'az-a' });
  const looks = await lookAtAll(now, processPostgres(sandbox.unitsDir));
  expect(misplaced(now, 'az-a', looks)).toEqual([]);
  const pool = now.pool ?? { unit: '', database: '' };
  expect(await processPooler(sandbox.unitsDir, pool).look()).toEqual({ server: 'az-a', paused: false });
  for (const unit of await sandbox.units('service')) expect((await statusOf(unit)).state).toBe('running');
}

async function expectSealed(run: SeenRun): Promise<void> {
  const record = await readRecord(run.journal);
  expect(record.problems).toEqual([]);
  expect(record.status).toBe('sealed');
  expect(pendingUndo(record.entries)).toEqual([]);
}

/** A run to its end: restored, nothing lost. Only the time it took is not judged here: others use the machine too. */
async function drilled(id: string): Promise<DrillResult> {
  const ended = await sandbox.run(['drill', 'run', id, ...LOAD], RUN_MS);
  const { result } = documentOf<{ result: DrillResult }>(ended);
  process.stderr.write(`${id}: exit ${ended.exit} ${JSON.stringify([result.recovery, result.reasons])}\n`);
  expect([0, 12]).toContain(ended.exit);
  expect(result).toMatchObject({ drill: id, execution: 'completed', restored: 'restored', topologyDiff: [] });
  expect(result.hypothesis).not.toBe('deviated');
  expect(result.judgement.lost).toEqual([]);
  expect(result.judgement.acknowledged).toBeGreaterThan(300);
  await expectSealed(seenRun(sandbox, result.runId));
  await expectAsBefore();
  return result;
}

function expectNoStoreLoss({ probe, recovery }: DrillResult): void {
  expect(probe).toMatchObject({ store: 'Postgres', lostCount: 0, phantom: [], duplicate: [], unread: [] });
  expect(probe?.places).toBe(3);
  expect(probe?.proof).toEqual({ planted: 3, named: 3 });
  expect(probe?.acknowledged).toBeGreaterThan(500);
  expect(probe?.struck.acknowledgedAfter).toBeGreaterThan(100);
  expect(recovery.electMs).not.toBeNull();
  expect(recovery.reconnectMs).not.toBeNull();
}

interface Recovered {
  readonly runs: readonly {
    readonly runId: string;
    readonly undone: readonly string[];
    readonly failed: readonly string[];
    readonly sealed: boolean;
  }[];
}

describe('a drill of Postgres', () => {
  test('switches to a replica and back with the proof that nothing was left behind', async () => {
    const result = await drilled('postgres-switchover');
    expectNoStoreLoss(result);
    expect(result.recovery.detectMs).toBeNull();
    const { entries } = await readRecord(seenRun(sandbox, result.runId).journal);
    const proofs = entries.filter(
      ({ kind, body }) => kind === 'step.done' && JSON.stringify(body).includes('"receivedThrough"'),
    );
    expect(proofs).toHaveLength(1);
  }, 300_000);

  test('kills the primary with all its backends, takes over and comes back', async () => {
    const result = await drilled('postgres-primary-loss');
    expectNoStoreLoss(result);
    expect(result.recovery.detectMs).not.toBeNull();
  }, 300_000);

  test('whose host dies right after the promotion is put back by recover, once', async () => {
    const known = await runIds(sandbox);
    const child = sandbox.start(['drill', 'run', 'postgres-primary-loss', ...LOAD], RUN_MS);
    const run = await nextRun(sandbox, known);
    await untilKill(run, 'step.done', 'postgres.promote');
    await killWithWatchdog(run, child);
    const left = await setNow(sandbox.unitsDir, await sandbox.units('postgres'));
    expect(left.primary).not.toBe('az-a');

    const { runs } = await sandbox.json<Recovered>(['drill', 'recover'], 0, RUN_MS);
    const undone = [
      'SIGKILL and fence az-a',
      'hold the clients of uplift',
      'SIGKILL az-a with all its backends',
      'hold the set led by az-a: az-a, az-b, az-c',
    ];
    expect(runs).toEqual([{ runId: run.runId, undone, failed: [], sealed: true }]);
    await expectAsBefore();
    await expectSealed(run);
    expect((await sandbox.json<Recovered>(['drill', 'recover'], 0)).runs).toEqual([]);
    await expectAsBefore();
    await sandbox.serviceReady();
  }, 300_000);
});

test('the loss of a projector ends when reads are fresh on every server', async () => {
  const { recovery } = await drilled('projector-loss');
  expect(recovery.freshMs).toBeGreaterThan(0);
}, 300_000);
