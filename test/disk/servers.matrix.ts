import { afterAll, beforeAll, expect, test } from 'vitest';
import { statusOf } from '../../src/clients/process/status.ts';
import type { PlacedUnit } from '../../src/clients/process/unit-files.ts';
import { waitFor } from '../../src/core/wait.ts';
import { steady } from '../signals/checks.ts';
import { machineFacts, placePage } from '../support/results-page.ts';
import { ProofSandbox } from '../support/sandbox.ts';
import { pageOf, type Row } from './page.ts';
import { passes, RunningLoad, readyzOf, untilApplied, untilFinding } from './platform.ts';
import { UnitDisk } from './unit-disk.ts';

const MIB = 1_048_576;
/** Room for what Postgres makes at its start, and for some seconds of write-ahead log in files of 16 MiB. */
const POSTGRES_SPARE = 64 * MIB;
const KAFKA_SPARE = 32 * MIB;
const SAMPLE = 100;

let sandbox: ProofSandbox;
const rows: Row[] = [];
const startedAt = new Date();

beforeAll(async () => {
  sandbox = await ProofSandbox.start();
});
afterAll(async () => {
  await sandbox?.down();
  const run = { startedAt, tookMs: Date.now() - startedAt.getTime(), machine: await machineFacts() };
  await placePage(pageOf(rows, run), process.env.DISK_PAGE);
});

interface Full {
  readonly disk: UnitDisk;
  readonly load: RunningLoad;
  readonly note: (line: string) => void;
}

/** Puts a unit on a small disk, load on the platform, and fills the disk; everything is put back whatever happens. */
async function onFullDisk(
  server: string,
  unit: PlacedUnit,
  spareBytes: number,
  work: (full: Full) => Promise<void>,
): Promise<void> {
  const seen: string[] = [];
  const row = { server: `${server} (${unit.id})`, passed: false, seen };
  rows.push(row);
  const disk = await UnitDisk.under(unit, spareBytes);
  try {
    await steady(sandbox);
    const load = await RunningLoad.start(sandbox);
    const note = (line: string): void => void seen.push(line);
    try {
      await disk.disk.fill();
      await work({ disk, load, note });
    } finally {
      await load.stop().catch(() => undefined);
    }
    await disk.back();
    row.passed = true;
  } finally {
    await disk.drop();
  }
}

const stateNow = async (unit: PlacedUnit): Promise<string> => (await statusOf(unit)).state;

async function unitWith(kind: PlacedUnit['kind'], role: RegExp): Promise<PlacedUnit> {
  const unit = (await sandbox.units(kind)).find(({ labels }) => role.test(labels.role ?? ''));
  if (unit === undefined) throw new Error(`no ${kind} that is ${role}`);
  return unit;
}

test('a Postgres replica: check finds it, nothing acknowledged is lost, and it catches up once there is room', async () => {
  const replica = await unitWith('postgres', /replica/);
  await onFullDisk('A Postgres replica', replica, POSTGRES_SPARE, async ({ disk, load, note }) => {
    // While the server ends, what it answers is a moment's; then it is definite.
    const found = await untilFinding(sandbox, 'postgres.replication', ({ status }) => status === 'fail');
    expect(found.summary).toContain(replica.labels.server);
    note(`\`check\`: ${found.status}, ${found.summary}`);
    await load.moreThan(SAMPLE);
    note('the load goes on: commits wait for the other replica');
    const ended = await disk.free();
    note(ended ? 'the server had ended by itself and was started' : 'the server had stayed up');
    await untilFinding(sandbox, 'postgres.replication', passes);
    const acknowledged = await load.stop();
    await untilApplied(sandbox, acknowledged);
    await untilApplied(sandbox, acknowledged, replica.labels.server);
    note(
      `${acknowledged.length} acknowledged: all on the writer and on this replica, each once; \`check\`: pass`,
    );
  });
});

test('the Postgres primary: the projector says that it waits, gateways acknowledge, and everything is applied later', async () => {
  const primary = await unitWith('postgres', /primary/);
  const projector = await unitWith('service', /projector/);
  await onFullDisk('The Postgres primary', primary, POSTGRES_SPARE, async ({ disk, load, note }) => {
    const says = await waitFor(
      async () => {
        const { ready, probes } = await readyzOf(projector);
        const probe = probes.find(({ name }) => name === 'partitions');
        return !ready && probe?.ok === false ? probe.detail : undefined;
      },
      { what: 'the projector says that it waits', timeoutMs: 120_000, intervalMs: 50 },
    );
    note(`the projector in /readyz: ${says}`);
    await load.moreThan(SAMPLE);
    note('gateways go on acknowledging: events are in Kafka');
    const lag = await sandbox.run(['lag', '--once', '--max', '2s']);
    expect([10, 12]).toContain(lag.exit);
    note(`\`lag --once --max 2s\`: exit ${lag.exit}`);
    const found = await untilFinding(sandbox, 'service.ready', (finding) => !passes(finding));
    note(`\`check\`: ${found.status}, ${found.summary}`);
    note(`the server: ${await stateNow(primary)}`);
    const ended = await disk.free();
    if (ended) note('it had ended by itself and was started');
    const acknowledged = await load.stop();
    await untilApplied(sandbox, acknowledged);
    await sandbox.serviceReady();
    note(`${acknowledged.length} acknowledged: all applied, each once; the projector is ready again`);
  });
});

test('a Kafka broker: check finds it, the load goes on with the others, and its ISR is full again', async () => {
  const broker = await unitWith('kafka', /broker/);
  await onFullDisk('A Kafka broker', broker, KAFKA_SPARE, async ({ disk, load, note }) => {
    const found = await untilFinding(sandbox, 'kafka.brokers.racks', (finding) => !passes(finding));
    note(`\`check\`: ${found.status}, ${found.summary}`);
    note(`the broker: ${await stateNow(broker)}`);
    await load.moreThan(SAMPLE);
    note('the load goes on with the two others');
    const ended = await disk.free();
    note(ended ? 'it had ended by itself and was started' : 'it had stayed up');
    await steady(sandbox);
    for (const id of ['kafka.brokers.racks', 'kafka.topic.durability'])
      await untilFinding(sandbox, id, passes);
    const acknowledged = await load.stop();
    await untilApplied(sandbox, acknowledged);
    note(`${acknowledged.length} acknowledged: all applied, each once; every ISR full, \`check\`: pass`);
  });
});
