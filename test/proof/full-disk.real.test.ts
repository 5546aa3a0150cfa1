import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { KafkaTopology } from '../../src/drills/kafka/topology.ts';
import { loadHistory } from '../../src/load/history-reader.ts';
import { readRecord } from '../../src/record/open.ts';
import { expectAsBefore, expectSettled, otherTopics, steady, topologyNow } from '../signals/checks.ts';
import { ProofSandbox } from '../support/sandbox.ts';
import { documentOf, type ErrorDocument, type RunningCli } from '../support/sandbox-cli.ts';
import { killWithWatchdog, nextRun, runIds, type SeenRun, untilKill } from '../support/sandbox-runs.ts';
import { SmallDisk } from '../support/small-disk.ts';

const MIB = 1_048_576;

let sandbox: ProofSandbox;
let disk: SmallDisk | undefined;

beforeAll(async () => {
  sandbox = await ProofSandbox.start();
});
afterEach(async () => {
  await disk?.unmount();
  disk = undefined;
});
afterAll(() => sandbox?.down());

/** The run folders of the commands of one test, on a disk of their own. */
async function smallRuns(): Promise<SmallDisk> {
  disk = await SmallDisk.mount(join(sandbox.stateDir, 'runs'), { bytes: 4 * MIB });
  return disk;
}

const DRILL = ['drill', 'run', 'kafka-broker-loss', '--yes', '--baseline', '1', '--rate', '60'];

/** A drill whose journal says that the broker was killed. */
async function drillUntilKill(): Promise<{ child: RunningCli; run: SeenRun; before: KafkaTopology }> {
  await steady(sandbox);
  const before = await topologyNow(sandbox);
  const known = await runIds(sandbox);
  const child = sandbox.start([...DRILL, '--output', 'json']);
  const run = await nextRun(sandbox, known);
  const early = child.ended.then(({ exit, stdout, stderr }) => {
    throw new Error(`the drill ended before its kill: exit ${exit}\n${stdout}\n${stderr}`);
  });
  await Promise.race([untilKill(run, 'step.done'), early]);
  return { child, run, before };
}

describe('a disk that runs full', () => {
  test('under a drill after the kill: 74, everything is back all the same, and recover ends the run', async () => {
    const runs = await smallRuns();
    const { child, run, before } = await drillUntilKill();
    await runs.fill();
    const result = await child.ended;
    const said = documentOf<ErrorDocument>(result);
    expect({ exit: result.exit, code: said.code }).toEqual({ exit: 74, code: 'UPL-CANNOT-WRITE' });
    await expectAsBefore(sandbox, before);
    // The last page of the journal may have had room for its lines: then the history was the first to fail.
    const journalFailed = said.message.includes(run.journal);
    if (!journalFailed) expect(said.message).toContain(run.history);
    expect(said.next).toContain(`df -h ${journalFailed ? run.journal : run.history}`);
    if (journalFailed) expect(said.message).toContain('Everything was put back all the same');
    if (journalFailed) expect(said.next).toContain(`uplift drill recover ${run.runId}`);

    await runs.free();
    const recovered = await sandbox.json<{ runs: readonly { sealed: boolean }[] }>(
      ['drill', 'recover', run.runId],
      0,
    );
    expect(recovered.runs).toMatchObject([{ runId: run.runId, failed: [], sealed: true }]);
    await expectSettled(run);
    await expectAsBefore(sandbox, before);
  }, 300_000);

  test('under a drill whose host died: recover puts back without a journal, says so, and seals once there is room', async () => {
    const runs = await smallRuns();
    const { child, run, before } = await drillUntilKill();
    await killWithWatchdog(run, child);
    await runs.fill();
    const said = await sandbox.json<ErrorDocument>(['drill', 'recover'], 74);
    expect(said).toMatchObject({ code: 'UPL-CANNOT-WRITE' });
    expect(said.message).toContain(run.journal);
    expect(said.message).toContain('Everything was put back all the same');
    expect(said.next).toContain(`uplift drill recover ${run.runId}`);
    await expectAsBefore(sandbox, before);
    expect((await readRecord(run.journal)).status).toBe('unsealed');
    const drafts = (await readdir(dirname(run.journal))).filter((name) => name.startsWith('.'));
    expect(drafts).toEqual([]);

    await runs.free();
    await sandbox.json(['drill', 'recover'], 0);
    await expectSettled(run);
    await expectAsBefore(sandbox, before);
  }, 300_000);

  test('under topics apply: 74 before anything is created, and with room a second one finishes', async () => {
    const runs = await smallRuns();
    await runs.fill();
    const file = await otherTopics(sandbox, 'full-disk', await readFile(sandbox.configFile, 'utf8'));
    const apply = ['topics', 'apply', '--yes', '--config', file];
    const said = await sandbox.json<ErrorDocument>(apply, 74);
    expect(said.code).toBe('UPL-CANNOT-WRITE');
    expect(said.message).toMatch(/ENOSPC/);
    expect(said.message).toContain(runs.folder);
    const names = async (): Promise<string[]> =>
      sandbox.withCluster(async (cluster) =>
        (await cluster.describe({ timeoutMs: 10_000 })).topics.map(({ name }) => name),
      );
    expect((await names()).filter((name) => name.startsWith('full-disk'))).toEqual([]);
    await runs.free();
    expect(await sandbox.json(apply, 0)).toMatchObject({ created: 3 });
    await sandbox.json(['topics', 'verify', '--config', file], 0);
  });

  test('under a load: 74, and no more is called acknowledged than stands whole in the history', async () => {
    // Room for more seconds than pass between two lines of progress: there must be something that was called acknowledged.
    disk = await SmallDisk.mount(join(sandbox.workDir, 'histories'), { bytes: MIB });
    const history = join(disk.folder, 'history.ndjson');
    const args = ['load', 'run', '--duration', '60s', '--rate', '100', '--history', history];
    const result = await sandbox.run([...args, '--output', 'json']);
    const said = documentOf<ErrorDocument>(result);
    expect({ exit: result.exit, code: said.code }).toEqual({ exit: 74, code: 'UPL-CANNOT-WRITE' });
    expect(said.message).toMatch(/ENOSPC/);
    expect(said.next).toBe(`df -h ${history}`);
    const called = [...result.stderr.matchAll(/([\d,]+) acknowledged/g)].map(([, count = '']) =>
      Number(count.replaceAll(',', '')),
    );
    const { report, ops } = await loadHistory(history);
    expect(report.end).toBeNull();
    const whole = ops.filter(({ outcome }) => outcome === 'ok').length;
    expect(Math.max(...called)).toBeGreaterThan(0);
    expect(whole).toBeGreaterThanOrEqual(Math.max(...called));
  });
});
